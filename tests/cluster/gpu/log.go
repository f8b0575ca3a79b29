// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// klog's header: severity, month and day, time, process id (7 columns), file and line.
func klogLine(severity byte, format string, args ...interface{}) {
	_, file, line, _ := runtime.Caller(2)
	fmt.Fprintf(os.Stderr, "%c%s %7d %s:%d] %s\n", severity,
		time.Now().Format("0102 15:04:05.000000"), os.Getpid(), filepath.Base(file), line,
		fmt.Sprintf(format, args...))
}

func klogInfo(format string, args ...interface{})    { klogLine('I', format, args...) }
func klogWarning(format string, args ...interface{}) { klogLine('W', format, args...) }
func klogError(format string, args ...interface{})   { klogLine('E', format, args...) }

// The config manager writes logrus' text format.
func logrusInfo(format string, args ...interface{}) {
	fmt.Fprintf(os.Stderr, "time=%q level=info msg=%q\n", time.Now().UTC().Format(time.RFC3339),
		fmt.Sprintf(format, args...))
}
