// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"google.golang.org/grpc"

	pluginapi "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
)

const gpuResource = "nvidia.com/gpu"

// One resource that the kubelet is offered: cards, or replicas of cards.
type devicePlugin struct {
	config   *config
	resource string
	socket   string
	index    map[string]int    // UUID to the card's number
	node     map[string]string // UUID to the card's device, if it is real
	server   *grpc.Server
	stopped  chan struct{}

	mutex   sync.Mutex
	devices map[string]*pluginapi.Device
	changed chan struct{} // closed and renewed when a device's health changes
}

// A replica's id is UUID::n; an id without a suffix is a whole card.
func cardOf(id string) string { return strings.SplitN(id, "::", 2)[0] }

func isReplica(id string) bool { return strings.Contains(id, "::") }

func newDevicePlugin(c *config, cards []card) *devicePlugin {
	p := &devicePlugin{config: c, resource: gpuResource, index: map[string]int{}, node: map[string]string{},
		devices: map[string]*pluginapi.Device{}, changed: make(chan struct{})}
	replicas := 1
	if shared := c.Sharing.replicated(gpuResource); shared != nil {
		replicas = shared.Replicas
		if shared.Rename != "" {
			p.resource = shared.Rename
		}
	}
	p.socket = pluginapi.DevicePluginPath + "nvidia-" + path.Base(p.resource) + ".sock"
	for number, card := range cards {
		p.index[card.uuid] = number
		p.node[card.uuid] = card.node
		if replicas == 1 {
			p.devices[card.uuid] = &pluginapi.Device{ID: card.uuid, Health: pluginapi.Healthy}
			continue
		}
		for n := 0; n < replicas; n++ {
			id := card.uuid + "::" + strconv.Itoa(n)
			p.devices[id] = &pluginapi.Device{ID: id, Health: pluginapi.Healthy}
		}
	}
	return p
}

func dial(socket string) (*grpc.ClientConn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return grpc.DialContext(ctx, socket, grpc.WithInsecure(), grpc.WithBlock(),
		grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", address)
		}))
}

func (p *devicePlugin) start() error {
	if p.config.Sharing.strategy() == "mps" {
		return errors.New("error waiting for MPS daemon: error checking MPS daemon health: failed to send command to MPS daemon: exit status 1")
	}
	p.stopped = make(chan struct{})
	p.server = grpc.NewServer()
	os.Remove(p.socket)
	listener, err := net.Listen("unix", p.socket)
	if err != nil {
		klogInfo("Could not start device plugin for '%s': %s", p.resource, err)
		return err
	}
	pluginapi.RegisterDevicePluginServer(p.server, p)
	klogInfo("Starting GRPC server for '%s'", p.resource)
	go p.server.Serve(listener)
	connection, err := dial(p.socket)
	if err != nil {
		return err
	}
	connection.Close()
	klogInfo("Starting to serve '%s' on %s", p.resource, p.socket)
	if err := p.register(); err != nil {
		klogInfo("Could not register device plugin: %s", err)
		p.stop()
		return err
	}
	klogInfo("Registered device plugin for '%s' with Kubelet", p.resource)
	go p.watchHealth(p.stopped)
	return nil
}

func (p *devicePlugin) stop() {
	if p.server == nil {
		return
	}
	klogInfo("Stopping to serve '%s' on %s", p.resource, p.socket)
	close(p.stopped)
	p.server.Stop()
	p.server = nil
	os.Remove(p.socket)
}

func (p *devicePlugin) register() error {
	connection, err := dial(pluginapi.KubeletSocket)
	if err != nil {
		return err
	}
	defer connection.Close()
	_, err = pluginapi.NewRegistrationClient(connection).Register(context.Background(),
		&pluginapi.RegisterRequest{Version: pluginapi.Version, Endpoint: path.Base(p.socket),
			ResourceName: p.resource,
			Options:      &pluginapi.DevicePluginOptions{GetPreferredAllocationAvailable: true}})
	return err
}

// A card that reported an Xid stays unhealthy until the plugin starts again, as with NVIDIA's.
func (p *devicePlugin) watchHealth(stopped chan struct{}) {
	marked := map[string]bool{}
	for {
		for uuid := range p.index {
			fault := readFault(uuid)
			if fault == "" || marked[uuid] {
				continue
			}
			marked[uuid] = true
			klogInfo("XidCriticalError: Xid=%s on Device=%s; marking device as unhealthy.", fault, uuid)
			p.mutex.Lock()
			for id, device := range p.devices {
				if cardOf(id) == uuid {
					device.Health = pluginapi.Unhealthy
					klogInfo("'%s' device marked unhealthy: %s", p.resource, id)
				}
			}
			close(p.changed)
			p.changed = make(chan struct{})
			p.mutex.Unlock()
		}
		select {
		case <-stopped:
			return
		case <-time.After(250 * time.Millisecond):
		}
	}
}

func (p *devicePlugin) list() ([]*pluginapi.Device, chan struct{}) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	var devices []*pluginapi.Device
	for _, device := range p.devices {
		copied := *device
		devices = append(devices, &copied)
	}
	return devices, p.changed
}

func (p *devicePlugin) ListAndWatch(_ *pluginapi.Empty, stream pluginapi.DevicePlugin_ListAndWatchServer) error {
	for {
		devices, changed := p.list()
		if err := stream.Send(&pluginapi.ListAndWatchResponse{Devices: devices}); err != nil {
			return err
		}
		select {
		case <-p.stopped:
			return nil
		case <-stream.Context().Done():
			return nil
		case <-changed:
		}
	}
}

func (p *devicePlugin) GetDevicePluginOptions(context.Context, *pluginapi.Empty) (*pluginapi.DevicePluginOptions, error) {
	return &pluginapi.DevicePluginOptions{GetPreferredAllocationAvailable: true}, nil
}

func (p *devicePlugin) PreStartContainer(context.Context, *pluginapi.PreStartContainerRequest) (*pluginapi.PreStartContainerResponse, error) {
	return &pluginapi.PreStartContainerResponse{}, nil
}

func (p *devicePlugin) GetPreferredAllocation(_ context.Context, request *pluginapi.PreferredAllocationRequest) (*pluginapi.PreferredAllocationResponse, error) {
	response := &pluginapi.PreferredAllocationResponse{}
	for _, r := range request.ContainerRequests {
		devices, err := p.prefer(r.AvailableDeviceIDs, r.MustIncludeDeviceIDs, int(r.AllocationSize))
		if err != nil {
			return nil, fmt.Errorf("error getting list of preferred allocation devices: %v", err)
		}
		response.ContainerResponses = append(response.ContainerResponses,
			&pluginapi.ContainerPreferredAllocationResponse{DeviceIDs: devices})
	}
	return response, nil
}

// One replica after the other from the card with the fewest (distributed) or the most (packed)
// replicas taken; among equals from the card that this request touched least.
func (p *devicePlugin) prefer(available, required []string, size int) ([]string, error) {
	packed := *p.config.Flags.Plugin.SharedDevicesAllocationPolicy == "packed"
	chosen := append([]string{}, required...)
	isChosen := map[string]bool{}
	touched := map[string]int{}
	for _, id := range required {
		isChosen[id] = true
		touched[cardOf(id)]++
	}
	free := map[string][]string{}
	candidates := 0
	for _, id := range available {
		if p.devices[id] != nil && !isChosen[id] {
			free[cardOf(id)] = append(free[cardOf(id)], id)
			candidates++
		}
	}
	if candidates < size-len(required) {
		return nil, errors.New("not enough available devices to satisfy allocation")
	}
	total := map[string]int{}
	for id := range p.devices {
		total[cardOf(id)]++
	}
	for len(chosen) < size {
		var cards []string
		for uuid, ids := range free {
			if len(ids) > 0 {
				cards = append(cards, uuid)
			}
		}
		sort.Slice(cards, func(i, j int) bool {
			a, b := cards[i], cards[j]
			takenA, takenB := total[a]-len(free[a]), total[b]-len(free[b])
			if takenA != takenB {
				return (takenA < takenB) != packed
			}
			if touched[a] != touched[b] {
				return touched[a] < touched[b]
			}
			return p.index[a] < p.index[b]
		})
		best := cards[0]
		ids := free[best]
		sort.Strings(ids)
		chosen = append(chosen, ids[0])
		free[best] = ids[1:]
		touched[best]++
	}
	return chosen, nil
}

func (p *devicePlugin) Allocate(_ context.Context, request *pluginapi.AllocateRequest) (*pluginapi.AllocateResponse, error) {
	response := &pluginapi.AllocateResponse{}
	strict := p.config.Sharing.TimeSlicing.FailRequestsGreaterThanOne
	for _, r := range request.ContainerRequests {
		var visible, nodes []string
		for _, id := range r.DevicesIDs {
			if strict && isReplica(id) && len(r.DevicesIDs) > 1 {
				return nil, fmt.Errorf("request for '%v: %v' too large: maximum request size for shared resources is 1", p.resource, len(r.DevicesIDs))
			}
			if p.devices[id] == nil {
				return nil, fmt.Errorf("invalid allocation request for '%s': unknown device: %s", p.resource, id)
			}
			nodes = appendOnce(nodes, p.node[cardOf(id)])
			if *p.config.Flags.Plugin.DeviceIDStrategy == "index" {
				visible = append(visible, strconv.Itoa(p.index[cardOf(id)]))
			} else {
				visible = append(visible, cardOf(id))
			}
		}
		container := &pluginapi.ContainerAllocateResponse{}
		for _, strategy := range *p.config.Flags.Plugin.DeviceListStrategy {
			switch strategy {
			case "envvar":
				container.Envs = map[string]string{"NVIDIA_VISIBLE_DEVICES": strings.Join(visible, ",")}
			case "cdi-annotations":
				var names []string
				for _, id := range visible {
					names = append(names, "nvidia.com/gpu="+id)
				}
				container.Annotations = map[string]string{
					*p.config.Flags.Plugin.CDIAnnotationPrefix + "nvidia-device-plugin_" + path.Base(visible[0]): strings.Join(names, ",")}
			}
		}
		if err := inject(container, nodes); err != nil {
			return nil, err
		}
		response.ContainerResponses = append(response.ContainerResponses, container)
	}
	return response, nil
}

func appendOnce(list []string, one string) []string {
	for _, other := range append(list, "") {
		if other == one {
			return list
		}
	}
	return append(list, one)
}

// The plugin that was started, if there are cards; again is true when it should be tried again.
func startPlugin() (started *devicePlugin, again bool, err error) {
	klogInfo("Loading configuration.")
	loaded, err := loadConfig(false)
	if err != nil {
		return nil, false, fmt.Errorf("unable to load config: %v", err)
	}
	klogInfo("Updating config with default resource matching patterns.")
	loaded.disableRenaming()
	loaded.print()

	klogInfo("Retrieving plugins.")
	cards, err := readCards()
	if err != nil {
		klogError("Incompatible strategy detected auto")
		klogError("If this is a GPU node, did you configure the NVIDIA Container Toolkit?")
		if *loaded.Flags.FailOnInitError {
			return nil, false, errors.New("error getting plugins: unable to create plugins: failed to construct resource managers: invalid device discovery strategy")
		}
	}
	if len(cards) == 0 {
		klogInfo("No devices found. Waiting indefinitely.")
		return nil, false, nil
	}
	plugin := newDevicePlugin(loaded, cards)
	if err := plugin.start(); err != nil {
		klogError("Failed to start plugin: %v", err)
		klogError("Could not contact Kubelet. Did you enable the device plugin feature gate?")
		return plugin, true, nil
	}
	return plugin, false, nil
}

func socketInode() uint64 {
	var status syscall.Stat_t
	if syscall.Stat(pluginapi.KubeletSocket, &status) != nil {
		return 0
	}
	return status.Ino
}

func runDevicePlugin() error {
	klogInfo("Starting FS watcher for %s", pluginapi.DevicePluginPath)
	inode := socketInode()
	klogInfo("Starting OS watcher.")
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT)
	tick := time.NewTicker(200 * time.Millisecond)
	for {
		klogInfo("Starting Plugins.")
		plugin, again, err := startPlugin()
		if err != nil {
			return fmt.Errorf("error starting plugins: %v", err)
		}
		var retry <-chan time.Time
		if again {
			klogInfo("Failed to start one or more plugins. Retrying in 30s...")
			retry = time.After(30 * time.Second)
		}
		for restart := false; !restart; {
			select {
			case <-retry:
				restart = true
			case <-tick.C:
				if now := socketInode(); now != inode {
					if inode = now; now != 0 {
						klogInfo("inotify: %s created, restarting.", pluginapi.KubeletSocket)
						restart = true
					}
				}
			case received := <-signals:
				if received != syscall.SIGHUP {
					klogInfo("Received signal \"%v\", shutting down.", received)
					klogInfo("Stopping plugins.")
					if plugin != nil {
						plugin.stop()
					}
					return nil
				}
				klogInfo("Received SIGHUP, restarting.")
				restart = true
			}
		}
		klogInfo("Stopping plugins.")
		if plugin != nil {
			plugin.stop()
		}
	}
}
