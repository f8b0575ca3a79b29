// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Points CONFIG_FILE_DST at the file that the node's label names and tells the plugin. Reacts to the
// label alone: an edit of the ConfigMap changes the file behind the link, and nobody is told.
func runConfigManager() error {
	label, node := os.Getenv("NODE_LABEL"), os.Getenv("NODE_NAME")
	if label == "" {
		label = "nvidia.com/device-plugin.config"
	}
	if node == "" {
		return errors.New("invalid <node-name>: must not be empty string")
	}
	for variable, flag := range map[string]string{"CONFIG_FILE_SRCDIR": "config-file-srcdir", "CONFIG_FILE_DST": "config-file-dst"} {
		if os.Getenv(variable) == "" {
			return fmt.Errorf("invalid <%s>: must not be empty string", flag)
		}
	}
	oneshot, _ := strconv.ParseBool(os.Getenv("ONESHOT"))
	api, err := connect()
	if err != nil {
		return fmt.Errorf("error building kubernetes clientcmd config: %s", err)
	}
	done := errors.New("done")
	logrusInfo("Waiting for change to '%s' label", label)
	last, seen := "", false
	err = api.follow("/api/v1/nodes", "fieldSelector=metadata.name%3D"+node, func(_ string, item object) error {
		value := at(item, "metadata", "labels", label)
		if seen && value == last {
			return nil
		}
		last, seen = value, true
		logrusInfo("Label change detected: %s=%s", label, value)
		if err := updateConfig(value); err != nil {
			return err
		}
		if oneshot {
			return done
		}
		logrusInfo("Waiting for change to '%s' label", label)
		return nil
	})
	if err == done {
		return nil
	}
	return err
}

func updateConfig(wanted string) error {
	name, err := chooseConfig(wanted)
	if err != nil {
		return err
	}
	what := "config: " + name
	source := filepath.Join(os.Getenv("CONFIG_FILE_SRCDIR"), name)
	if name == "" {
		what, source = "empty config", "/dev/null"
	}
	logrusInfo("Updating to %s", what)
	updated, err := link(source, os.Getenv("CONFIG_FILE_DST"))
	if err != nil {
		return err
	}
	if !updated {
		logrusInfo("Already configured. Skipping update...")
		return nil
	}
	logrusInfo("Successfully updated to %s", what)
	if send, _ := strconv.ParseBool(os.Getenv("SEND_SIGNAL")); !send {
		return nil
	}
	number, _ := strconv.Atoi(os.Getenv("SIGNAL"))
	process := os.Getenv("PROCESS_TO_SIGNAL")
	logrusInfo("Sending signal '%s' to '%s'", syscall.Signal(number), process)
	if err := signalProcess(process, syscall.Signal(number)); err != nil {
		return err
	}
	logrusInfo("Successfully sent signal")
	return nil
}

// An empty name stands for the empty config.
func chooseConfig(wanted string) (string, error) {
	entries, err := os.ReadDir(os.Getenv("CONFIG_FILE_SRCDIR"))
	if err != nil {
		return "", fmt.Errorf("error getting list of configuration files: %v", err)
	}
	var names []string
	there := map[string]bool{}
	for _, entry := range entries {
		if !entry.IsDir() && !strings.HasPrefix(entry.Name(), "..") {
			names = append(names, entry.Name())
			there[entry.Name()] = true
		}
	}
	if len(names) == 0 {
		return "", errors.New("no configuration files available")
	}
	if wanted == "" {
		if wanted = os.Getenv("DEFAULT_CONFIG"); wanted != "" {
			logrusInfo("No value set. Selecting default name: %v", wanted)
		}
	}
	if wanted != "" {
		if !there[wanted] {
			return "", fmt.Errorf("specified config %v does not exist", wanted)
		}
		return wanted, nil
	}
	strategies := strings.Split(os.Getenv("FALLBACK_STRATEGIES"), ",")
	logrusInfo("No value set and no default set. Attempting fallback strategies: %v", strategies)
	for _, strategy := range strategies {
		switch strategy {
		case "named":
			logrusInfo("Attempting to find config named: default")
			if there["default"] {
				return "default", nil
			}
			logrusInfo("No configuration named 'default' was found")
		case "single":
			logrusInfo("Attempting to see if only a single config is available...")
			if len(names) == 1 {
				return names[0], nil
			}
			logrusInfo("More than one configuration was found: %v", names)
		case "empty":
			logrusInfo("Falling back to an empty configuration")
			return "", nil
		case "":
		default:
			return "", fmt.Errorf("unknown fallback strategy: %v", strategy)
		}
	}
	return "", errors.New("no config was set, no default was provided, and all fallbacks failed")
}

// False when the link leads there already. A dangling link leads nowhere, as does a missing source.
func link(source, destination string) (bool, error) {
	if _, err := os.Lstat(destination); err == nil {
		from, _ := filepath.EvalSymlinks(source)
		to, _ := filepath.EvalSymlinks(destination)
		if from == to {
			return false, nil
		}
		if err := os.Remove(destination); err != nil {
			return false, fmt.Errorf("error removing existing config: %v", err)
		}
	}
	if err := os.Symlink(source, destination); err != nil {
		return false, fmt.Errorf("error creating symlink: %v", err)
	}
	return true, nil
}

func signalProcess(name string, number syscall.Signal) error {
	folders, _ := filepath.Glob("/proc/[0-9]*")
	for _, folder := range folders {
		command, err := os.ReadFile(filepath.Join(folder, "cmdline"))
		if err != nil || strings.SplitN(string(command), "\x00", 2)[0] != name {
			continue
		}
		id, _ := strconv.Atoi(filepath.Base(folder))
		if err := syscall.Kill(id, number); err != nil {
			return fmt.Errorf("error sending signal: %v", err)
		}
		return nil
	}
	return errors.New("error finding pid: no process found")
}
