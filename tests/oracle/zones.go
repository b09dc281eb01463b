package main

import (
	"archive/zip"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// zoneNames is every zone of Go's own tree.
var zoneNames = map[string]bool{"": true, "UTC": true, "Local": true}

// useOwnZones makes the zones those of Go's own tree, whatever the machine has installed. It must run before the first zone is
// loaded.
func useOwnZones() error {
	file := filepath.Join(runtime.GOROOT(), "lib", "time", "zoneinfo.zip")
	zones, err := zip.OpenReader(file)
	if err != nil {
		return fmt.Errorf("the zones of Go's own tree: %w", err)
	}
	defer zones.Close()
	for _, each := range zones.File {
		if !each.FileInfo().IsDir() {
			zoneNames[each.Name] = true
		}
	}
	return os.Setenv("ZONEINFO", file)
}

// ownZone is a name that Go's own tree has; any other sprig takes for UTC. Go would look for it among the machine's.
func ownZone(name string) string {
	if zoneNames[name] {
		return name
	}
	return "UTC"
}
