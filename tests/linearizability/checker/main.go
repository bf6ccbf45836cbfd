// Command checker tells whether a history of one project, recorded by concurrent clients, is linearizable.
//
// It reads a JSON array of operations from standard input and prints one line: the verdict of porcupine, how many operations there
// were, and how long it took. It exits with 1 when there is no order of the operations that a single project could have gone through.
package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/anishathalye/porcupine"
)

// patience bounds a check: a history that is not linearizable may take for ever to be found out.
const patience = 10 * time.Second

// operation is what a client did: a command under a key, or a read. Called and Returned are nanoseconds of one clock.
type operation struct {
	Client   int    `json:"client"`
	Type     string `json:"type"`
	Name     string `json:"name"`
	Key      int    `json:"key"`      // the number of the key; every retry has the same
	Rank     int    `json:"rank"`     // of a command that was accepted: its position among all of them, from 1; else 0
	After    []int  `json:"after"`    // of a read: the keys of the commands whose positions it named
	Called   int64  `json:"called"`   // when it was sent
	Returned int64  `json:"returned"` // when the reply came; 0 if none ever did
	Outcome  string `json:"outcome"`  // "accepted", the key of a problem, or what was read: "active NAME", "archived NAME"
}

// state is that of a project, how many ranks are taken, and the verdict of each key: a byte each, 0 for one that was not decided.
type state struct {
	there, archived bool
	name, verdicts  string
	rank            int
}

// The verdicts that a command can have, by the byte that stands for them.
var verdicts = []string{"", "accepted", "projects.already-exists", "projects.not-found", "projects.archived"}

func main() {
	var history []operation
	if err := json.NewDecoder(os.Stdin).Decode(&history); err != nil {
		fmt.Fprintln(os.Stderr, "This is not a history:", err)
		os.Exit(2)
	}
	began := time.Now()
	result := porcupine.CheckOperationsTimeout(model(history), operations(history), patience)
	fmt.Printf("%s: %d operations in %d ms\n", result, len(history), time.Since(began).Milliseconds())
	if result != porcupine.Ok {
		os.Exit(1)
	}
}

// operations gives a history the form that porcupine takes: what never returned may take effect at any time, or never be seen.
func operations(history []operation) []porcupine.Operation {
	taken := make([]porcupine.Operation, len(history))
	for number, each := range history {
		returned := each.Returned
		if returned == 0 {
			returned = math.MaxInt64
		}
		taken[number] = porcupine.Operation{ClientId: each.Client, Input: each, Call: each.Called, Return: returned}
	}
	return taken
}

func model(history []operation) porcupine.Model {
	keys := 0
	for _, each := range history {
		if each.Key >= keys {
			keys = each.Key + 1
		}
	}
	return porcupine.Model{
		Init: func() interface{} { return state{verdicts: string(make([]byte, keys))} },
		Step: func(before, input, _ interface{}) (bool, interface{}) {
			asked := input.(operation)
			if asked.Type == "get" {
				return reads(before.(state), asked), before
			}
			after, outcome := decide(before.(state), asked)
			return (asked.Returned == 0 || outcome == asked.Outcome) && inTurn(before.(state), after, asked), after
		},
	}
}

// reads tells whether a read of this state is what was read, and as new as was asked for.
func reads(current state, asked operation) bool {
	for _, key := range asked.After {
		if current.verdicts[key] == 0 {
			return false
		}
	}
	switch {
	case !current.there:
		return asked.Outcome == "projects.not-found"
	case current.archived:
		return asked.Outcome == "archived "+current.name
	default:
		return asked.Outcome == "active "+current.name
	}
}

// inTurn tells whether a command is decided where its position says. Without that hint a search among a dozen clients may take for ever.
func inTurn(before, after state, asked operation) bool {
	return asked.Rank == 0 || after.rank == before.rank || asked.Rank == after.rank
}

// decide is what one project does with a command: a key that was decided keeps its verdict, and changes nothing.
func decide(before state, asked operation) (state, string) {
	if known := before.verdicts[asked.Key]; known != 0 {
		return before, verdicts[known]
	}
	after, verdict := before, byte(1)
	switch {
	case asked.Type == "create" && before.there:
		verdict = 2
	case asked.Type == "create":
		after.there, after.name = true, asked.Name
	case !before.there:
		verdict = 3
	case asked.Type == "archive":
		after.archived = true
	case asked.Type == "restore":
		after.archived = false
	case before.archived:
		verdict = 4
	default:
		after.name = asked.Name
	}
	decided := []byte(before.verdicts)
	decided[asked.Key] = verdict
	after.verdicts = string(decided)
	if verdict == 1 && asked.Rank != 0 {
		after.rank++
	}
	return after, verdicts[verdict]
}
