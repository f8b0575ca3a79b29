// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Stands for what NVIDIA's container runtime injects: the file "cards" has one line a card, UUID,
// memory in MiB and product, separated by tabs; "faults/UUID" holds the Xid of a card that broke.
const hardwareFolder = "/run/nvidia-stand-in"

type card struct {
	uuid      string
	memoryMiB int
	product   string
}

// An error means what a missing driver means: the container was not started by the nvidia runtime.
func readCards() ([]card, error) {
	text, err := os.ReadFile(filepath.Join(hardwareFolder, "cards"))
	if err != nil {
		return nil, err
	}
	var cards []card
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		if line == "" {
			continue
		}
		fields := strings.Split(line, "\t")
		if len(fields) != 3 {
			return nil, fmt.Errorf("%s/cards: want UUID, MiB and product: %q", hardwareFolder, line)
		}
		memory, err := strconv.Atoi(fields[1])
		if err != nil {
			return nil, fmt.Errorf("%s/cards: %v", hardwareFolder, err)
		}
		cards = append(cards, card{uuid: fields[0], memoryMiB: memory, product: fields[2]})
	}
	return cards, nil
}

// The Xid that the card reported; empty while it is well.
func readFault(uuid string) string {
	text, err := os.ReadFile(filepath.Join(hardwareFolder, "faults", uuid))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}
