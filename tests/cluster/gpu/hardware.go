// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	pluginapi "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
)

// Stands for what NVIDIA's container runtime injects. Files of lines with fields separated by tabs:
// "cards" has UUID, memory in MiB and product of each card, a real one's device node, compute
// capability and driver version too; "devices" and "mounts", which only real cards have, what else
// a container with a card gets, as path on the node and in the container; "faults/UUID" the Xid of a
// card that broke.
const hardwareFolder = "/run/nvidia-stand-in"

type card struct {
	uuid      string
	memoryMiB int
	product   string
	node      string // its device on the node; empty for a made-up card
	compute   string
	driver    string
}

func readTable(name string, columns ...int) ([][]string, error) {
	text, err := os.ReadFile(filepath.Join(hardwareFolder, name))
	if err != nil {
		return nil, err
	}
	var table [][]string
	for _, line := range strings.Split(string(text), "\n") {
		if line == "" {
			continue
		}
		fields := strings.Split(line, "\t")
		known := false
		for _, count := range columns {
			known = known || len(fields) == count
		}
		if !known {
			return nil, fmt.Errorf("%s/%s: want %v columns: %q", hardwareFolder, name, columns, line)
		}
		table = append(table, fields)
	}
	return table, nil
}

// An error means what a missing driver means: the container was not started by the nvidia runtime.
func readCards() ([]card, error) {
	table, err := readTable("cards", 3, 6)
	if err != nil {
		return nil, err
	}
	var cards []card
	for _, fields := range table {
		memory, err := strconv.Atoi(fields[1])
		if err != nil {
			return nil, fmt.Errorf("%s/cards: %v", hardwareFolder, err)
		}
		one := card{uuid: fields[0], memoryMiB: memory, product: fields[2], compute: "9.0", driver: "580.95.05"}
		if len(fields) == 6 {
			one.node, one.compute, one.driver = fields[3], fields[4], fields[5]
		}
		cards = append(cards, one)
	}
	return cards, nil
}

// Gives a container what NVIDIA's container toolkit would: the cards' device nodes and the driver.
// Of made-up cards there is nothing to give.
func inject(container *pluginapi.ContainerAllocateResponse, nodes []string) error {
	if len(nodes) == 0 {
		return nil
	}
	devices, err := readTable("devices", 2)
	if err != nil {
		return err
	}
	for _, node := range nodes {
		devices = append(devices, []string{node, "/dev/" + filepath.Base(node)})
	}
	for _, fields := range devices {
		container.Devices = append(container.Devices, &pluginapi.DeviceSpec{
			HostPath: fields[0], ContainerPath: fields[1], Permissions: "rw"})
	}
	mounts, err := readTable("mounts", 2)
	if err != nil {
		return err
	}
	for _, fields := range mounts {
		container.Mounts = append(container.Mounts, &pluginapi.Mount{
			HostPath: fields[0], ContainerPath: fields[1], ReadOnly: true})
	}
	return nil
}

// The Xid that the card reported; empty while it is well.
func readFault(uuid string) string {
	text, err := os.ReadFile(filepath.Join(hardwareFolder, "faults", uuid))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}
