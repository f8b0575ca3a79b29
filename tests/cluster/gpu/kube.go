// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

const serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount/"

// The API server as a pod sees it. Objects are plain JSON.
type apiServer struct {
	url    string
	token  string
	client *http.Client
}

type object = map[string]interface{}

var errNotFound = errors.New("not found")

func connect() (*apiServer, error) {
	host, port := os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT")
	token, err := os.ReadFile(serviceAccount + "token")
	if host == "" || err != nil {
		return nil, errors.New("unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be defined")
	}
	authority, err := os.ReadFile(serviceAccount + "ca.crt")
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	return &apiServer{url: "https://" + net.JoinHostPort(host, port), token: string(token),
		client: &http.Client{Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: pool}, IdleConnTimeout: 30 * time.Second}}}, nil
}

func (s *apiServer) open(method, path, contentType string, body []byte) (io.ReadCloser, error) {
	request, err := http.NewRequest(method, s.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+s.token)
	request.Header.Set("Accept", "application/json")
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := s.client.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode < 300 {
		return response.Body, nil
	}
	text, _ := io.ReadAll(response.Body)
	response.Body.Close()
	if response.StatusCode == http.StatusNotFound {
		return nil, errNotFound
	}
	var status struct{ Message string }
	json.Unmarshal(text, &status)
	return nil, fmt.Errorf("%s %s: %s: %s", method, path, response.Status, status.Message)
}

func (s *apiServer) do(method, path, contentType string, body interface{}) (object, error) {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	stream, err := s.open(method, path, contentType, text)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	answer := object{}
	return answer, json.NewDecoder(stream).Decode(&answer)
}

func (s *apiServer) get(path string) (object, error) { return s.do("GET", path, "", nil) }

func (s *apiServer) mergePatch(path string, patch object) (object, error) {
	return s.do("PATCH", path, "application/merge-patch+json", patch)
}

// Lists, then watches, calls each for every object and event, and connects again after a fault;
// returns the first error of each.
func (s *apiServer) follow(path, selector string, each func(kind string, item object) error) error {
	for {
		version, err := s.followList(path, selector, each)
		if err == nil {
			err = s.followWatch(path, selector, version, each)
		}
		var final *stopFollowing
		if errors.As(err, &final) {
			return final.reason
		}
		time.Sleep(time.Second)
	}
}

type stopFollowing struct{ reason error }

func (s *stopFollowing) Error() string { return s.reason.Error() }

func (s *apiServer) followList(path, selector string, each func(string, object) error) (string, error) {
	list, err := s.get(path + "?" + selector)
	if err != nil {
		return "", err
	}
	items, _ := list["items"].([]interface{})
	for _, item := range items {
		if err := each("ADDED", item.(object)); err != nil {
			return "", &stopFollowing{err}
		}
	}
	return at(list, "metadata", "resourceVersion"), nil
}

func (s *apiServer) followWatch(path, selector, version string, each func(string, object) error) error {
	stream, err := s.open("GET", path+"?watch=true&timeoutSeconds=300&resourceVersion="+version+"&"+selector, "", nil)
	if err != nil {
		return err
	}
	defer stream.Close()
	decoder := json.NewDecoder(stream)
	for {
		var event struct {
			Type   string
			Object object
		}
		if err := decoder.Decode(&event); err != nil {
			return err
		}
		if event.Type == "ERROR" {
			return errors.New("the watch has expired")
		}
		if err := each(event.Type, event.Object); err != nil {
			return &stopFollowing{err}
		}
	}
}

// The text at a path of keys; empty when there is none.
func at(from object, keys ...string) string {
	text, _ := find(from, keys...).(string)
	return text
}

func find(from object, keys ...string) interface{} {
	var value interface{} = from
	for _, key := range keys {
		inner, ok := value.(object)
		if !ok {
			return nil
		}
		value = inner[key]
	}
	return value
}
