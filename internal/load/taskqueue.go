package load

import (
	"fmt"
	"regexp"
)

// TaskQueue is where the heavy part of one load waits for the task of that load alone.
func TaskQueue(operation string) string { return "tejun-load-" + operation }

var taskQueueForm = regexp.MustCompile(`^tejun-load-[0-9A-Za-z_-]{10,64}$`)

// CheckTaskQueue refuses a task queue that is not one load's: on another one, work would be taken that only a whole worker can do.
func CheckTaskQueue(name string) error {
	if !taskQueueForm.MatchString(name) {
		return fmt.Errorf("the task queue %q is not that of a load: want %s", name, TaskQueue("OPERATION"))
	}
	return nil
}
