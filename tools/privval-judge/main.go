// CometBFT's own code as a judge of what signers and gates do: its encodings, its sign bytes, its side of the
// connection, its checks of evidence. Every command reads JSON objects from standard input, one on a line, and answers
// each with one on standard output. Bytes are hexadecimal.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
)

const longestLine = 16 << 20

func main() {
	commands := map[string]func([]string) error{
		"sign-bytes": signBytes,
		"encode":     encode,
		"node":       node,
		"evidence":   findEvidence,
	}
	if len(os.Args) > 1 {
		if command, ok := commands[os.Args[1]]; ok {
			if err := command(os.Args[2:]); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			return
		}
	}
	fmt.Fprintln(os.Stderr, "usage: privval-judge sign-bytes | encode | node | evidence")
	os.Exit(2)
}

// eachLine calls handle with each line of standard input.
func eachLine(handle func(line []byte) error) error {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, longestLine)
	for lines.Scan() {
		if err := handle(lines.Bytes()); err != nil {
			return err
		}
	}
	return lines.Err()
}

type answers struct {
	out *bufio.Writer
}

func newAnswers() answers { return answers{bufio.NewWriter(os.Stdout)} }

func (a answers) give(answer any) error {
	line, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	if _, err := a.out.Write(append(line, '\n')); err != nil {
		return err
	}
	return a.out.Flush()
}

// guarded turns a panic of CometBFT's code into an error: some of it panics on values that no node has.
func guarded(act func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v", cause)
		}
	}()
	return act()
}
