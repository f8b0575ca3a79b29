// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Writes the labels of GPU Feature Discovery straight onto its node; the real one leaves that to
// Node Feature Discovery.
func runFeatureDiscovery() error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT)
	api, err := connect()
	if err != nil {
		return err
	}
	node := "/api/v1/nodes/" + os.Getenv("NODE_NAME")
	for {
		klogInfo("Loading configuration.")
		loaded, err := loadConfig(true)
		if err != nil {
			return fmt.Errorf("unable to load config: %v", err)
		}
		loaded.disableRenaming()
		loaded.print()
		interval, err := time.ParseDuration(*loaded.Flags.GFD.SleepInterval)
		if err != nil {
			return err
		}
		for restart := false; !restart; {
			cards, err := readCards()
			if err != nil && *loaded.Flags.FailOnInitError {
				return fmt.Errorf("failed to initialize NVML: %v", err)
			}
			if _, err := api.mergePatch(node, object{"metadata": object{"labels": nodeLabels(loaded, cards)}}); err != nil {
				return fmt.Errorf("error updating node labels: %v", err)
			}
			klogInfo("Sleeping for %s", interval)
			select {
			case <-time.After(interval):
			case received := <-signals:
				if received != syscall.SIGHUP {
					klogInfo("Received signal \"%v\", shutting down.", received)
					return nil
				}
				klogInfo("Received SIGHUP, restarting.")
				restart = true
			}
		}
	}
}

var families = map[string]string{"7.0": "volta", "7.5": "turing", "8.0": "ampere", "8.6": "ampere",
	"8.9": "ada-lovelace", "9.0": "hopper", "10.0": "blackwell"}

var notInLabel = regexp.MustCompile(`[^A-Za-z0-9-_. ]`)

func inLabel(text string) string {
	return strings.Join(strings.Fields(notInLabel.ReplaceAllString(text, "")), "-")
}

// A nil value removes a label.
func nodeLabels(c *config, cards []card) object {
	labels := object{}
	for _, key := range []string{"count", "product", "memory", "replicas", "sharing-strategy", "family", "compute.major", "compute.minor", "machine", "mode"} {
		labels["nvidia.com/gpu."+key] = nil
	}
	for _, key := range []string{"mig.capable", "mig.strategy", "mps.capable", "gfd.timestamp"} {
		labels["nvidia.com/"+key] = nil
	}
	for _, key := range []string{"driver-version.major", "driver-version.minor", "driver-version.revision", "driver-version.full", "runtime-version.major", "runtime-version.minor", "runtime-version.full"} {
		labels["nvidia.com/cuda."+key] = nil
	}
	if len(cards) == 0 {
		return labels
	}
	replicas, product, strategy := 1, inLabel(cards[0].product), "none"
	if shared := c.Sharing.replicated(gpuResource); shared != nil {
		replicas, strategy = shared.Replicas, c.Sharing.strategy()
		if shared.Rename == "" {
			product += "-SHARED"
		}
	}
	// A field that the driver doesn't name is an empty label.
	driver := append(strings.Split(cards[0].driver, "."), "", "")
	compute := append(strings.Split(cards[0].compute, "."), "")
	machine, err := os.ReadFile(*c.Flags.GFD.MachineTypeFile)
	if err != nil {
		machine = []byte("unknown")
	}
	for key, value := range map[string]string{
		"gpu.count": strconv.Itoa(len(cards)), "gpu.product": product,
		"gpu.memory": strconv.Itoa(cards[0].memoryMiB), "gpu.replicas": strconv.Itoa(replicas),
		"gpu.sharing-strategy": strategy, "gpu.family": families[cards[0].compute],
		"gpu.compute.major": compute[0], "gpu.compute.minor": compute[1],
		"gpu.machine": inLabel(string(machine)), "gpu.mode": "compute",
		"mig.capable": "true", "mps.capable": strconv.FormatBool(strategy == "mps"),
		"cuda.driver-version.major": driver[0], "cuda.driver-version.minor": driver[1],
		"cuda.driver-version.revision": driver[2], "cuda.driver-version.full": cards[0].driver,
		"cuda.runtime-version.major": "13", "cuda.runtime-version.minor": "0",
		"cuda.runtime-version.full": "13.0",
	} {
		labels["nvidia.com/"+key] = value
	}
	if *c.Flags.MigStrategy != "none" {
		labels["nvidia.com/mig.strategy"] = *c.Flags.MigStrategy
	}
	if !*c.Flags.GFD.NoTimestamp {
		labels["nvidia.com/gfd.timestamp"] = strconv.FormatInt(time.Now().Unix(), 10)
	}
	return labels
}
