// SPDX-License-Identifier: Apache-2.0

// A node's NVIDIA software on a machine without a GPU: device plugin, config manager, feature
// discovery and operator in one binary, chosen by the name it is called by. Names, config format,
// log lines and errors are those of NVIDIA/k8s-device-plugin v0.20 and NVIDIA/gpu-operator; the
// hardware is a folder that the container runtime puts into every container (hardware.go).
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	programs := map[string]func() error{
		"nvidia-device-plugin":  runDevicePlugin,
		"config-manager":        runConfigManager,
		"gpu-feature-discovery": runFeatureDiscovery,
		"gpu-operator":          runOperator,
	}
	name := filepath.Base(os.Args[0])
	program, known := programs[name]
	if !known {
		fmt.Fprintf(os.Stderr, "%s: call it by the name of one of its programs, see main.go\n", name)
		os.Exit(2)
	}
	if err := program(); err != nil {
		if name == "config-manager" {
			logrusInfo("Error: %v", err)
		} else {
			klogError("%v", err)
		}
		os.Exit(1)
	}
}
