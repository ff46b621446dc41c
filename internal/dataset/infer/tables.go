package infer

import "fmt"

// takeRecords reads workbooks and Parquet files.
func (s *sample) takeRecords(string) error {
	return fmt.Errorf("infer: a file of format %s cannot be looked into: write its declaration by hand", s.format)
}
