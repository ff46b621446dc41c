package activities

import (
	"tejun/internal/drillreport"
	"tejun/internal/records"
)

// DisasterReport is what the report of a drill, or of a real disaster, is made of.
type DisasterReport struct {
	Operation string             `json:"operation"`
	Report    drillreport.Report `json:"report"`
}

// DisasterReportKept says where the report lies.
type DisasterReportKept struct {
	HTML records.Document `json:"html"`
	XLSX records.Document `json:"xlsx"`
}
