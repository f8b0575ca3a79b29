// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"time"

	"sigs.k8s.io/yaml"
)

const (
	policies    = "/apis/nvidia.com/v1/clusterpolicies"
	assetFolder = "/opt/gpu-operator"
	hashNote    = "nvidia.com/last-applied-hash"
)

// Makes the plugin's and the feature discovery's DaemonSet what the oldest ClusterPolicy says. Like
// the real one it looks at neither the ConfigMap nor at edits of its DaemonSets, only at a hash of
// what it last wrote.
func runOperator() error {
	api, err := connect()
	if err != nil {
		return err
	}
	namespace := os.Getenv("OPERATOR_NAMESPACE")
	if namespace == "" {
		return errors.New("OPERATOR_NAMESPACE must be set")
	}
	for range time.Tick(500 * time.Millisecond) {
		if err := reconcile(api, namespace); err != nil {
			klogError("reconcile: %v", err)
		}
	}
	return nil
}

func reconcile(api *apiServer, namespace string) error {
	list, err := api.get(policies)
	if err != nil {
		return err
	}
	items, _ := list["items"].([]interface{})
	sort.Slice(items, func(i, j int) bool {
		a, b := items[i].(object), items[j].(object)
		if first, second := at(a, "metadata", "creationTimestamp"), at(b, "metadata", "creationTimestamp"); first != second {
			return first < second
		}
		return at(a, "metadata", "name") < at(b, "metadata", "name")
	})
	for i, item := range items {
		policy := item.(object)
		state := "ignored"
		if i == 0 {
			if err := labelNodes(api); err != nil {
				return err
			}
			if state, err = apply(api, namespace, policy); err != nil {
				return err
			}
		}
		if at(policy, "status", "state") == state && at(policy, "status", "namespace") == namespace {
			continue
		}
		klogInfo("ClusterPolicy %s is %s", at(policy, "metadata", "name"), state)
		if _, err := api.mergePatch(policies+"/"+at(policy, "metadata", "name")+"/status",
			object{"status": object{"state": state, "namespace": namespace}}); err != nil {
			return err
		}
	}
	return nil
}

// Nodes on which Node Feature Discovery saw an NVIDIA card are to run the operands.
func labelNodes(api *apiServer) error {
	list, err := api.get("/api/v1/nodes?labelSelector=feature.node.kubernetes.io/pci-10de.present%3Dtrue,!nvidia.com/gpu.deploy.device-plugin")
	if err != nil {
		return err
	}
	nodes, _ := list["items"].([]interface{})
	for _, node := range nodes {
		if _, err := api.mergePatch("/api/v1/nodes/"+at(node.(object), "metadata", "name"), object{"metadata": object{"labels": object{
			"nvidia.com/gpu.present": "true", "nvidia.com/gpu.deploy.device-plugin": "true",
			"nvidia.com/gpu.deploy.gpu-feature-discovery": "true"}}}); err != nil {
			return err
		}
	}
	return nil
}

func apply(api *apiServer, namespace string, policy object) (string, error) {
	state := "ready"
	for _, operand := range []string{"devicePlugin", "gfd"} {
		wanted, err := daemonSet(operand, namespace, policy)
		if err != nil {
			return "", err
		}
		collection := "/apis/apps/v1/namespaces/" + namespace + "/daemonsets"
		path := collection + "/" + at(wanted, "metadata", "name")
		there, err := api.get(path)
		if enabled, set := find(policy, "spec", operand, "enabled").(bool); set && !enabled {
			if err == nil {
				klogInfo("Deleting DaemonSet %s", path)
				_, err = api.do("DELETE", path, "", nil)
			}
			if err != nil && err != errNotFound {
				return "", err
			}
			continue
		}
		hash := at(wanted, "metadata", "annotations", hashNote)
		switch {
		case err == errNotFound:
			klogInfo("DaemonSet not found, creating %s", path)
			there, err = api.do("POST", collection, "application/json", wanted)
		case err == nil && at(there, "metadata", "annotations", hashNote) != hash:
			klogInfo("DaemonSet is different, updating %s", path)
			wanted["metadata"].(object)["resourceVersion"] = at(there, "metadata", "resourceVersion")
			there, err = api.do("PUT", path, "application/json", wanted)
		}
		if err != nil {
			return "", err
		}
		if !rolledOut(there) {
			state = "notReady"
		}
	}
	return state, nil
}

func rolledOut(daemons object) bool {
	number := func(keys ...string) float64 {
		value, _ := find(daemons, keys...).(float64)
		return value
	}
	wanted := number("status", "desiredNumberScheduled")
	return number("status", "observedGeneration") >= number("metadata", "generation") &&
		number("status", "updatedNumberScheduled") == wanted && number("status", "numberAvailable") == wanted
}

// The asset with what spec.devicePlugin says filled in: images, and with a config the config
// managers and their volumes, without one neither.
func daemonSet(operand, namespace string, policy object) (object, error) {
	text, err := os.ReadFile(filepath.Join(assetFolder, operand+".yaml"))
	if err != nil {
		return nil, err
	}
	wanted := object{}
	if err := yaml.Unmarshal(text, &wanted); err != nil {
		return nil, err
	}
	metadata := wanted["metadata"].(object)
	metadata["namespace"] = namespace
	metadata["ownerReferences"] = []interface{}{object{"apiVersion": "nvidia.com/v1", "kind": "ClusterPolicy",
		"name": at(policy, "metadata", "name"), "uid": at(policy, "metadata", "uid"),
		"controller": true, "blockOwnerDeletion": true}}
	pod := find(wanted, "spec", "template", "spec").(object)
	image := imageOf(find(policy, "spec", "devicePlugin"))
	configMap := at(policy, "spec", "devicePlugin", "config", "name")
	for _, kind := range []string{"initContainers", "containers"} {
		var kept []interface{}
		containers, _ := pod[kind].([]interface{})
		for _, entry := range containers {
			container := entry.(object)
			container["image"], container["imagePullPolicy"] = image, "Never"
			name := at(container, "name")
			manager := name == "config-manager" || name == "config-manager-init"
			if configMap == "" {
				if !manager {
					kept = append(kept, container)
				}
				continue
			}
			if manager {
				setVariable(container, "DEFAULT_CONFIG", at(policy, "spec", "devicePlugin", "config", "default"))
				setVariable(container, "FALLBACK_STRATEGIES", "empty")
			} else {
				setVariable(container, "CONFIG_FILE", "/config/config.yaml")
			}
			add(container, "volumeMounts", object{"name": "config", "mountPath": "/config"})
			add(container, "volumeMounts", object{"name": configMap, "mountPath": "/available-configs"})
			kept = append(kept, container)
		}
		pod[kind] = kept
	}
	if configMap != "" {
		pod["shareProcessNamespace"] = true
		add(pod, "volumes", object{"name": configMap, "configMap": object{"name": configMap}})
		add(pod, "volumes", object{"name": "config", "emptyDir": object{}})
	}
	if strategy := at(policy, "spec", "mig", "strategy"); strategy != "" {
		setVariable(pod["containers"].([]interface{})[0].(object), "MIG_STRATEGY", strategy)
	}
	variables, _ := find(policy, "spec", operand, "env").([]interface{})
	for _, variable := range variables {
		setVariable(pod["containers"].([]interface{})[0].(object), at(variable.(object), "name"), at(variable.(object), "value"))
	}
	plain, err := json.Marshal(wanted)
	if err != nil {
		return nil, err
	}
	metadata["annotations"] = object{hashNote: fmt.Sprintf("%x", sha256.Sum256(plain))[:16]}
	return wanted, nil
}

func imageOf(spec interface{}) string {
	from, _ := spec.(object)
	return at(from, "repository") + "/" + at(from, "image") + ":" + at(from, "version")
}

func add(to object, key string, entry object) {
	list, _ := to[key].([]interface{})
	to[key] = append(list, entry)
}

func setVariable(container object, name, value string) {
	list, _ := container["env"].([]interface{})
	for _, entry := range list {
		if at(entry.(object), "name") == name {
			entry.(object)["value"] = value
			return
		}
	}
	container["env"] = append(list, object{"name": name, "value": value})
}
