package dial

import (
	"fmt"
	"net/url"
	"strings"
)

// RunPage is the address of a run's page in the Temporal UI that is at base; "" when base is "".
func RunPage(base, namespace, workflowID, runID string) string {
	if base == "" {
		return ""
	}
	return fmt.Sprintf("%s/namespaces/%s/workflows/%s/%s/history", strings.TrimRight(base, "/"),
		url.PathEscape(namespace), url.PathEscape(workflowID), url.PathEscape(runID))
}
