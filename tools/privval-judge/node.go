package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/privval"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/types"
)

type asked struct {
	Do                string    `json:"do"`
	ChainID           string    `json:"chain_id"`
	Vote              *vote     `json:"vote"`
	Proposal          *proposal `json:"proposal"`
	ExtensionsEnabled bool      `json:"extensions_enabled"`
	Seconds           float64   `json:"seconds"`
}

// told is the answer to one request. Error is "" if it succeeded; Code is set where the signer itself refused; Fatal
// where a node would stop for good.
type told struct {
	LatencyNs          int64    `json:"latency_ns"`
	Error              string   `json:"error,omitempty"`
	Code               *int     `json:"code,omitempty"`
	Fatal              bool     `json:"fatal,omitempty"`
	PublicKey          hexBytes `json:"public_key,omitempty"`
	Signature          hexBytes `json:"signature,omitempty"`
	ExtensionSignature hexBytes `json:"extension_signature,omitempty"`
	Seconds            int64    `json:"seconds,omitempty"`
	Nanos              int64    `json:"nanos,omitempty"`
	Verified           bool     `json:"verified,omitempty"`
	Connected          bool     `json:"connected,omitempty"`
}

type client interface {
	types.PrivValidator
	Ping() error
	IsConnected() bool
	WaitForConnection(time.Duration) error
}

type validator struct {
	client  client
	chainID string
	key     ed25519.PubKey
}

// node is a validator node's side of the connection: it listens on --listen (tcp://host:port with SecretConnection, or
// unix://path), says where in a first line, and puts each request that it reads to the signer that has dialled in.
func node(arguments []string) error {
	flags := flag.NewFlagSet("node", flag.ExitOnError)
	address := flags.String("listen", "tcp://127.0.0.1:0", "where the signer dials in")
	chainID := flags.String("chain-id", "chain", "the chain, where a request names none")
	retries := flags.Int("retries", 0, "repeat what fails in transport so often, 100 ms apart, as a node does (50)")
	wait := flags.Duration("timeout", 5*time.Second, "for a read or a write")
	accept := flags.Duration("accept", 3*time.Second, "for a signer to dial in")
	verbose := flags.Bool("verbose", false, "log to standard error")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	scheme, place, _ := strings.Cut(*address, "://")
	if scheme == "unix" {
		_ = os.Remove(place)
	}
	bound, err := net.Listen(scheme, place)
	if err != nil {
		return err
	}
	var listener net.Listener
	if scheme == "unix" {
		unix := privval.NewUnixListener(bound)
		privval.UnixListenerTimeoutAccept(*accept)(unix)
		privval.UnixListenerTimeoutReadWrite(*wait)(unix)
		listener = unix
	} else {
		tcp := privval.NewTCPListener(bound, ed25519.GenPrivKey())
		privval.TCPListenerTimeoutAccept(*accept)(tcp)
		privval.TCPListenerTimeoutReadWrite(*wait)(tcp)
		listener = tcp
	}
	logger := log.NewNopLogger()
	if *verbose {
		logger = log.NewTMLogger(os.Stderr)
	}
	endpoint := privval.NewSignerListenerEndpoint(logger, listener, privval.SignerListenerEndpointTimeoutReadWrite(*wait))
	plain, err := privval.NewSignerClient(endpoint, *chainID)
	if err != nil {
		return err
	}
	self := validator{client: plain, chainID: *chainID}
	if *retries > 0 {
		self.client = privval.NewRetrySignerClient(plain, *retries, 100*time.Millisecond)
	}
	out := newAnswers()
	if err := out.give(map[string]string{"listening": scheme + "://" + bound.Addr().String()}); err != nil {
		return err
	}
	return eachLine(func(line []byte) error {
		var question asked
		if err := json.Unmarshal(line, &question); err != nil {
			return err
		}
		if question.ChainID == "" {
			question.ChainID = *chainID
		}
		var answer told
		started := time.Now()
		err := guarded(func() error { return self.ask(question, &answer) })
		answer.LatencyNs = time.Since(started).Nanoseconds()
		if err != nil {
			answer.Error = err.Error()
			var remote *privval.RemoteSignerError
			if errors.As(err, &remote) {
				answer.Code = &remote.Code
			}
		}
		return out.give(answer)
	})
}

func (self *validator) ask(question asked, answer *told) error {
	switch question.Do {
	case "public_key":
		key, err := self.client.GetPubKey()
		if err != nil {
			return err
		}
		self.key = key.Bytes()
		answer.PublicKey = key.Bytes()
	case "vote":
		return self.vote(question, answer)
	case "proposal":
		p := question.Proposal.proto()
		if err := self.client.SignProposal(question.ChainID, p); err != nil {
			return err
		}
		answer.Signature = p.Signature
		answer.Seconds, answer.Nanos = p.Timestamp.Unix(), int64(p.Timestamp.Nanosecond())
		// As consensus does: of the answer it takes the signature only, and keeps the time of its own proposal.
		mine := question.Proposal.proto()
		answer.Verified = signed(self.key, p.Signature, func() []byte {
			return types.ProposalSignBytes(question.ChainID, mine)
		})
	case "ping":
		return self.client.Ping()
	case "wait":
		return self.client.WaitForConnection(time.Duration(question.Seconds * float64(time.Second)))
	case "connected":
		answer.Connected = self.client.IsConnected()
	default:
		return fmt.Errorf("unknown request %q", question.Do)
	}
	return nil
}

// vote takes the way of a node's consensus: it keeps its own vote and takes over time and signatures only.
func (self *validator) vote(question asked, answer *told) error {
	mine := question.Vote.proto()
	blockID, err := types.BlockIDFromProto(&mine.BlockID)
	if err != nil {
		blockID = &types.BlockID{Hash: mine.BlockID.Hash}
	}
	v := &types.Vote{
		Type: mine.Type, Height: mine.Height, Round: mine.Round, BlockID: *blockID, Timestamp: mine.Timestamp,
		ValidatorAddress: mine.ValidatorAddress, ValidatorIndex: mine.ValidatorIndex, Extension: mine.Extension,
	}
	recoverable, err := types.SignAndCheckVote(v, self.client, question.ChainID, question.ExtensionsEnabled && v.Type == cmtproto.PrecommitType)
	answer.Fatal = !recoverable
	if err != nil {
		return err
	}
	answer.Signature, answer.ExtensionSignature = v.Signature, v.ExtensionSignature
	answer.Seconds, answer.Nanos = v.Timestamp.Unix(), int64(v.Timestamp.Nanosecond())
	answer.Verified = signed(self.key, v.Signature, func() []byte {
		return types.VoteSignBytes(question.ChainID, v.ToProto())
	})
	if len(v.ExtensionSignature) > 0 {
		answer.Verified = answer.Verified && signed(self.key, v.ExtensionSignature, func() []byte {
			return types.VoteExtensionSignBytes(question.ChainID, v.ToProto())
		})
	}
	return nil
}
