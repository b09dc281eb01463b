package main

import (
	"archive/zip"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// zoneNames is every zone there is.
var zoneNames = map[string]bool{"": true, "UTC": true, "Local": true}

// useOwnZones makes the zones those of the directory ZONEINFO, else those of Go's own tree, whatever the machine has
// installed. It must run before the first zone is loaded.
func useOwnZones() error {
	if directory := os.Getenv("ZONEINFO"); directory != "" {
		return addZones(os.DirFS(directory))
	}
	file := filepath.Join(runtime.GOROOT(), "lib", "time", "zoneinfo.zip")
	zones, err := zip.OpenReader(file)
	if err != nil {
		return fmt.Errorf("the zones of Go's own tree: %w", err)
	}
	defer zones.Close()
	if err := addZones(zones); err != nil {
		return err
	}
	return os.Setenv("ZONEINFO", file)
}

// addZones learns the names of the zones: each is the path of its file.
func addZones(files fs.FS) error {
	return fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			zoneNames[path] = true
		}
		return err
	})
}

// ownZone is a name that is known; any other sprig takes for UTC. Go would look for it among the machine's.
func ownZone(name string) string {
	if zoneNames[name] {
		return name
	}
	return "UTC"
}
