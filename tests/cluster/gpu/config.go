// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"
)

// The plugin's config file, version v1. Unset flags are nil until environment and defaults fill
// them in; precedence is environment, file, default.
type config struct {
	Version   string    `json:"version"`
	Flags     flags     `json:"flags"`
	Resources resources `json:"resources"`
	Sharing   sharing   `json:"sharing"`
	Imex      struct{}  `json:"imex"`
}

type flags struct {
	MigStrategy             *string      `json:"migStrategy"`
	FailOnInitError         *bool        `json:"failOnInitError"`
	MpsRoot                 *string      `json:"mpsRoot,omitempty"`
	NvidiaDriverRoot        *string      `json:"nvidiaDriverRoot,omitempty"`
	NvidiaDevRoot           *string      `json:"nvidiaDevRoot,omitempty"`
	GDSEnabled              *bool        `json:"gdsEnabled"`
	MOFEDEnabled            *bool        `json:"mofedEnabled"`
	UseNodeFeatureAPI       *bool        `json:"useNodeFeatureAPI"`
	DeviceDiscoveryStrategy *string      `json:"deviceDiscoveryStrategy"`
	Plugin                  *pluginFlags `json:"plugin,omitempty"`
	GFD                     *gfdFlags    `json:"gfd,omitempty"`
}

type pluginFlags struct {
	PassDeviceSpecs               *bool       `json:"passDeviceSpecs"`
	DeviceListStrategy            *stringList `json:"deviceListStrategy"`
	DeviceIDStrategy              *string     `json:"deviceIDStrategy"`
	CDIAnnotationPrefix           *string     `json:"cdiAnnotationPrefix"`
	NvidiaCTKPath                 *string     `json:"nvidiaCTKPath"`
	ContainerDriverRoot           *string     `json:"containerDriverRoot"`
	SharedDevicesAllocationPolicy *string     `json:"sharedDevicesAllocationPolicy"`
}

type gfdFlags struct {
	Oneshot         *bool   `json:"oneshot"`
	NoTimestamp     *bool   `json:"noTimestamp"`
	SleepInterval   *string `json:"sleepInterval"`
	OutputFile      *string `json:"outputFile"`
	MachineTypeFile *string `json:"machineTypeFile"`
}

type resources struct {
	GPUs []resource `json:"gpus"`
	MIGs []resource `json:"migs,omitempty"`
}

type resource struct {
	Pattern string `json:"pattern"`
	Name    string `json:"name"`
}

type sharing struct {
	TimeSlicing replicatedResources  `json:"timeSlicing"`
	MPS         *replicatedResources `json:"mps,omitempty"`
}

type replicatedResources struct {
	RenameByDefault            bool                 `json:"renameByDefault,omitempty"`
	FailRequestsGreaterThanOne bool                 `json:"failRequestsGreaterThanOne,omitempty"`
	Resources                  []replicatedResource `json:"resources,omitempty"`
}

type replicatedResource struct {
	Name     string          `json:"name"`
	Rename   string          `json:"rename,omitempty"`
	Devices  json.RawMessage `json:"devices"`
	Replicas int             `json:"replicas"`
}

type stringList []string

// A list may be written as one string.
func (l *stringList) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*l = strings.Split(one, ",")
		return nil
	}
	return json.Unmarshal(text, (*[]string)(l))
}

func (r *replicatedResources) UnmarshalJSON(text []byte) error {
	type plain replicatedResources
	if err := json.Unmarshal(text, (*plain)(r)); err != nil {
		return err
	}
	if len(r.Resources) == 0 {
		return errors.New("no resources specified")
	}
	for i := range r.Resources {
		if r.RenameByDefault && r.Resources[i].Rename == "" {
			r.Resources[i].Rename = r.Resources[i].Name + ".shared"
		}
	}
	return nil
}

func (r *replicatedResource) UnmarshalJSON(text []byte) error {
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(text, &fields); err != nil {
		return err
	}
	if fields["name"] == nil {
		return errors.New("no resource name specified")
	}
	if fields["replicas"] == nil {
		return errors.New("no replicas specified")
	}
	type plain replicatedResource
	if err := json.Unmarshal(text, (*plain)(r)); err != nil {
		return err
	}
	if r.Replicas < 2 {
		return errors.New("number of replicas must be >= 2")
	}
	if !strings.HasPrefix(r.Name, "nvidia.com/") {
		r.Name = "nvidia.com/" + r.Name
	}
	if r.Devices == nil {
		r.Devices = json.RawMessage(`"all"`)
	}
	return nil
}

func (s *sharing) strategy() string {
	if s.MPS != nil && len(s.MPS.Resources) > 0 {
		return "mps"
	}
	if len(s.TimeSlicing.Resources) > 0 {
		return "time-slicing"
	}
	return "none"
}

// The replication of a resource, or nil.
func (s *sharing) replicated(name string) *replicatedResource {
	from := &s.TimeSlicing
	if s.MPS != nil {
		from = s.MPS
	}
	for i := range from.Resources {
		if from.Resources[i].Name == name {
			return &from.Resources[i]
		}
	}
	return nil
}

func parseConfigFile(path string) (*config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("error opening config file: %v", err)
	}
	parsed := &config{}
	if err := yaml.Unmarshal(text, parsed); err != nil {
		return nil, fmt.Errorf("error parsing config file: unmarshal error: %v", err)
	}
	if parsed.Version == "" {
		parsed.Version = "v1"
	}
	if parsed.Version != "v1" {
		return nil, fmt.Errorf("error parsing config file: unknown version: %v", parsed.Version)
	}
	return parsed, nil
}

// forGFD chooses which program's own flags stay in the config.
func loadConfig(forGFD bool) (*config, error) {
	loaded := &config{Version: "v1"}
	if path := os.Getenv("CONFIG_FILE"); path != "" {
		var err error
		if loaded, err = parseConfigFile(path); err != nil {
			return nil, fmt.Errorf("unable to finalize config: unable to parse config file: %v", err)
		}
	}
	f := &loaded.Flags
	text := func(field **string, variable, fallback string) {
		if value := os.Getenv(variable); value != "" {
			*field = &value
		} else if *field == nil {
			*field = &fallback
		}
	}
	var invalid error
	flag := func(field **bool, variable string, fallback bool) {
		if value := os.Getenv(variable); value != "" {
			parsed, err := strconv.ParseBool(value)
			if err != nil {
				invalid = fmt.Errorf("could not parse %q as bool value from environment variable %q", value, variable)
			}
			*field = &parsed
		} else if *field == nil {
			*field = &fallback
		}
	}
	text(&f.MigStrategy, "MIG_STRATEGY", "none")
	flag(&f.FailOnInitError, "FAIL_ON_INIT_ERROR", true)
	text(&f.NvidiaDriverRoot, "NVIDIA_DRIVER_ROOT", "/")
	text(&f.NvidiaDevRoot, "NVIDIA_DEV_ROOT", *f.NvidiaDriverRoot)
	flag(&f.GDSEnabled, "GDS_ENABLED", false)
	flag(&f.MOFEDEnabled, "MOFED_ENABLED", false)
	text(&f.DeviceDiscoveryStrategy, "DEVICE_DISCOVERY_STRATEGY", "auto")
	if forGFD {
		f.Plugin = nil
		if f.GFD == nil {
			f.GFD = &gfdFlags{}
		}
		flag(&f.UseNodeFeatureAPI, "USE_NODE_FEATURE_API", false)
		flag(&f.GFD.Oneshot, "GFD_ONESHOT", false)
		flag(&f.GFD.NoTimestamp, "GFD_NO_TIMESTAMP", false)
		text(&f.GFD.SleepInterval, "GFD_SLEEP_INTERVAL", "60s")
		text(&f.GFD.OutputFile, "GFD_OUTPUT_FILE", "/etc/kubernetes/node-feature-discovery/features.d/gfd")
		text(&f.GFD.MachineTypeFile, "GFD_MACHINE_TYPE_FILE", "/sys/class/dmi/id/product_name")
		return loaded, invalid
	}
	f.GFD = nil
	if f.Plugin == nil {
		f.Plugin = &pluginFlags{}
	}
	p := f.Plugin
	text(&f.MpsRoot, "MPS_ROOT", "/run/nvidia/mps")
	flag(&p.PassDeviceSpecs, "PASS_DEVICE_SPECS", false)
	if value := os.Getenv("DEVICE_LIST_STRATEGY"); value != "" {
		list := stringList(strings.Split(value, ","))
		p.DeviceListStrategy = &list
	} else if p.DeviceListStrategy == nil {
		p.DeviceListStrategy = &stringList{"envvar"}
	}
	text(&p.DeviceIDStrategy, "DEVICE_ID_STRATEGY", "uuid")
	text(&p.CDIAnnotationPrefix, "CDI_ANNOTATION_PREFIX", "cdi.k8s.io/")
	text(&p.NvidiaCTKPath, "NVIDIA_CTK_PATH", "/usr/bin/nvidia-ctk")
	text(&p.ContainerDriverRoot, "DRIVER_ROOT_CTR_PATH", "/driver-root")
	text(&p.SharedDevicesAllocationPolicy, "SHARED_DEVICES_ALLOCATION_POLICY", "distributed")
	if policy := *p.SharedDevicesAllocationPolicy; policy != "distributed" && policy != "packed" {
		invalid = fmt.Errorf("unable to validate flags: invalid --shared-devices-allocation-policy option: %s", policy)
	}
	if id := *p.DeviceIDStrategy; id != "uuid" && id != "index" {
		invalid = fmt.Errorf("unable to validate flags: invalid --device-id-strategy option: %v", id)
	}
	return loaded, invalid
}

// The plugin ignores a chosen name and chosen devices, and says so.
func (c *config) disableRenaming() {
	if len(c.Resources.GPUs) > 0 || len(c.Resources.MIGs) > 0 {
		klogWarning("Customizing the 'resources' field is not yet supported in the config. Ignoring...")
	}
	c.Resources = resources{GPUs: []resource{{Pattern: "*", Name: "nvidia.com/gpu"}}}
	if *c.Flags.MigStrategy == "single" {
		c.Resources.MIGs = []resource{{Pattern: "*", Name: "nvidia.com/gpu"}}
	}
	shared := &c.Sharing.TimeSlicing
	for i := range shared.Resources {
		r := &shared.Resources[i]
		want := ""
		if shared.RenameByDefault {
			want = r.Name + ".shared"
		}
		if r.Rename != want {
			klogWarning("Setting the 'rename' field in sharing.timeSlicing.resources is not yet supported in the config. Ignoring...")
			r.Rename = want
		}
		if string(r.Devices) != `"all"` {
			klogWarning("Customizing the 'devices' field in sharing.timeSlicing.resources is not yet supported in the config. Ignoring...")
			r.Devices = json.RawMessage(`"all"`)
		}
	}
}

func (c *config) print() {
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		klogError("failed to marshal config to JSON: %v", err)
		return
	}
	klogInfo("\nRunning with config:\n%v", string(text))
}
