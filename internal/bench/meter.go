package main

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// meter is what an engine has counted. A page is an item with a list of lines.
type meter struct {
	Calls                 map[string]float64 // by operation
	WriteUnits, ReadUnits float64
	Pages, Lines          float64
}

const meterPath = "/meter"

// meterOf reads the meter of an engine that is memory.
func meterOf(url string) (m meter, err error) {
	res, err := http.Get(url + meterPath) //nolint:noctx // a child of this program, on this machine
	if err != nil {
		return m, fmt.Errorf("read the meter: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	return m, json.NewDecoder(res.Body).Decode(&m)
}

// since returns what was counted after another reading.
func (m meter) since(before meter) meter {
	calls := map[string]float64{}
	for op, n := range m.Calls {
		if n > before.Calls[op] {
			calls[op] = n - before.Calls[op]
		}
	}
	return meter{
		calls, m.WriteUnits - before.WriteUnits, m.ReadUnits - before.ReadUnits, m.Pages - before.Pages, m.Lines - before.Lines,
	}
}

// writeUnitsEach names what a request costs in write units.
const writeUnitsEach = "write units"

// each returns what n requests cost each.
func (m meter) each(n float64) map[string]float64 {
	costs := map[string]float64{writeUnitsEach: m.WriteUnits / n, "read units": m.ReadUnits / n}
	for op, calls := range m.Calls {
		costs["calls"] += calls / n
		costs[op] = calls / n
	}
	if m.Pages > 0 {
		costs["entries a page"] = m.Lines / m.Pages
	}
	return costs
}
