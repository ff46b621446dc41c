package sandbox

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Kinds of faults.
const (
	FaultThrottle            = "throttle"              // refused as too fast, not executed
	Fault500                 = "500"                   // the service's internal error, not executed
	FaultLostRequest         = "lost-request"          // connection reset, not executed
	FaultExecutedThenTimeout = "executed-then-timeout" // executed, but the answer never comes
	FaultStaleRead           = "stale-read"            // a read sees every resource as it was before its last change
	FaultDenied              = "denied"                // no permission, not executed
	FaultNoCapacity          = "no-capacity"           // Fargate has no room: answered as a success with failures, not executed
)

// FaultKinds lists the kinds.
var FaultKinds = []string{FaultThrottle, Fault500, FaultLostRequest, FaultExecutedThenTimeout, FaultStaleRead, FaultDenied, FaultNoCapacity}

// Forever as Times keeps a fault until it is cleared.
const Forever = -1

// Fault makes calls go wrong. The oldest fault that fits a call strikes. It counts attempts, so the SDK's own retries use
// it up too.
type Fault struct {
	ID        string `json:"id"`        // given by the sandbox
	Service   string `json:"service"`   // such as "cloudfront"; "" means every service
	Operation string `json:"operation"` // such as "UpdateDistribution"; "" means every operation
	Kind      string `json:"kind"`
	Times     int    `json:"times"`    // how often it strikes; 0 means once, Forever until cleared
	Resource  string `json:"resource"` // key such as "cloudfront:distribution/E123" or its last part; "" means every resource
	After     string `json:"after"`    // operation that writes: it strikes only once that has had an effect; "" means from now on
}

const faultKind = "sandbox:fault"

// crowding is the operation that may find no room.
const crowding = "RunTask"

// AddFault adds a fault for all processes. An unknown kind, service or operation is refused, and so is a stale read of
// an operation that writes, and a lack of room for anything but a task.
func (s *Sandbox) AddFault(f Fault) error {
	f.Service = strings.ToLower(f.Service)
	if !slices.Contains(FaultKinds, f.Kind) {
		return fmt.Errorf("fault kind %q: want one of %s", f.Kind, strings.Join(FaultKinds, ", "))
	}
	if f.Times < Forever {
		return fmt.Errorf("fault times %d: want 1 or more, or %d for until cleared", f.Times, Forever)
	}
	if f.Times == 0 {
		f.Times = 1
	}
	op, err := lookFault(f)
	if err != nil {
		return err
	}
	if f.Kind == FaultStaleRead && op != nil && op.writes {
		return fmt.Errorf("fault stale-read: %s:%s is a write; name a read such as Get… or Describe…", f.Service, op.name)
	}
	if f.After != "" && !isWrite(f.After) {
		return fmt.Errorf("fault after %q: name an operation that writes, such as UpdateService", f.After)
	}
	if f.Kind == FaultNoCapacity && (op == nil || op.name != crowding) {
		return fmt.Errorf("fault no-capacity: name the service ecs and the operation %s, which it is for", crowding)
	}
	return s.change(context.Background(), func(c *call) error {
		f.ID = fmt.Sprintf("%012d", c.state.lines)
		return c.put(faultKind+"/"+f.ID, f)
	})
}

func lookFault(f Fault) (*operation, error) {
	if f.Service == "" {
		if f.Operation != "" {
			return nil, fmt.Errorf("fault operation %q: name its service too", f.Operation)
		}
		return nil, nil
	}
	ops, known := services[f.Service]
	if !known {
		return nil, fmt.Errorf("fault service %q: want one of %s", f.Service, strings.Join(Services(), ", "))
	}
	if f.Operation == "" {
		return nil, nil
	}
	op, known := ops[f.Operation]
	if !known {
		return nil, fmt.Errorf("fault operation %q: the sandbox knows of %s: %s", f.Operation, f.Service, strings.Join(operationNames(ops), ", "))
	}
	return &op, nil
}

// isWrite tells whether some service has a write of that name.
func isWrite(name string) bool {
	for _, ops := range services {
		if op, known := ops[name]; known && op.writes {
			return true
		}
	}
	return false
}

// arm lets the faults strike from now on that wait for an effect of a write.
func (c *call) arm(write string) error {
	if len(c.state.now[faultKind]) == 0 {
		return nil
	}
	faults, err := list[Fault](c, faultKind)
	for _, f := range faults {
		if err == nil && f.After == write {
			f.After = ""
			err = c.put(faultKind+"/"+f.ID, f)
		}
	}
	return err
}

// Faults lists the faults that can still strike, oldest first.
func (s *Sandbox) Faults() (faults []Fault, err error) {
	err = s.view(func(c *call) error {
		faults, err = list[Fault](c, faultKind)
		return err
	})
	return faults, err
}

// ClearFaults takes all faults away.
func (s *Sandbox) ClearFaults() error {
	return s.change(context.Background(), func(c *call) error {
		faults, err := list[Fault](c, faultKind)
		for _, f := range faults {
			c.remove(faultKind + "/" + f.ID)
		}
		return err
	})
}

// strike finds the fault that hits the call and uses one of its times up; "" when none does.
func (c *call) strike(service string, op operation, resource string) (string, error) {
	if len(c.state.now[faultKind]) == 0 {
		return "", nil
	}
	faults, err := list[Fault](c, faultKind)
	if err != nil {
		return "", err
	}
	for _, f := range faults {
		if !f.fits(service, op, resource) {
			continue
		}
		key := faultKind + "/" + f.ID
		switch {
		case f.Times == Forever:
		case f.Times <= 1:
			c.remove(key)
		default:
			f.Times--
			err = c.put(key, f)
		}
		return f.Kind, err
	}
	return "", nil
}

func (f Fault) fits(service string, op operation, resource string) bool {
	return f.After == "" && (f.Service == "" || f.Service == service) &&
		(f.Operation == "" || f.Operation == op.name) &&
		(f.Resource == "" || f.Resource == resource || strings.HasSuffix(resource, "/"+f.Resource)) &&
		(f.Kind != FaultStaleRead || !op.writes)
}
