package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/rand"

	privvalproto "github.com/cometbft/cometbft/proto/tendermint/privval"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/types"
)

// encoded says how CometBFT writes a vote or a proposal, or what it reads in a message.
type encoded struct {
	ChainID            string    `json:"chain_id,omitempty"`
	Vote               *vote     `json:"vote,omitempty"`
	Proposal           *proposal `json:"proposal,omitempty"`
	Kind               string    `json:"kind,omitempty"`
	ErrorCode          *int32    `json:"error_code,omitempty"`
	PublicKey          hexBytes  `json:"public_key,omitempty"`
	SignBytes          hexBytes  `json:"sign_bytes,omitempty"`
	ExtensionSignBytes hexBytes  `json:"extension_sign_bytes,omitempty"`
	Request            hexBytes  `json:"request,omitempty"`
	Reply              hexBytes  `json:"reply,omitempty"`
	Again              hexBytes  `json:"again,omitempty"`
	Error              string    `json:"error,omitempty"`
}

// signBytes answers {"chain_id", "vote" | "proposal"} with its sign bytes and its encoding as request and as reply, and
// {"message"} with what it reads there and how it would write that itself.
func signBytes([]string) error {
	out := newAnswers()
	return eachLine(func(line []byte) error {
		var question struct {
			ChainID  string    `json:"chain_id"`
			Vote     *vote     `json:"vote"`
			Proposal *proposal `json:"proposal"`
			Message  hexBytes  `json:"message"`
		}
		if err := json.Unmarshal(line, &question); err != nil {
			return err
		}
		var answer encoded
		err := guarded(func() (err error) {
			switch {
			case question.Vote != nil:
				answer, err = encodedVote(question.ChainID, question.Vote.proto())
			case question.Proposal != nil:
				answer, err = encodedProposal(question.ChainID, question.Proposal.proto())
			default:
				answer, err = decoded(question.Message)
			}
			return err
		})
		if err != nil {
			answer = encoded{Error: err.Error()}
		}
		return out.give(answer)
	})
}

func encodedVote(chainID string, v *cmtproto.Vote) (encoded, error) {
	request := privvalproto.Message{Sum: &privvalproto.Message_SignVoteRequest{
		SignVoteRequest: &privvalproto.SignVoteRequest{Vote: v, ChainId: chainID}}}
	reply := privvalproto.Message{Sum: &privvalproto.Message_SignedVoteResponse{
		SignedVoteResponse: &privvalproto.SignedVoteResponse{Vote: *v}}}
	return both(request, reply, encoded{
		SignBytes: types.VoteSignBytes(chainID, v), ExtensionSignBytes: types.VoteExtensionSignBytes(chainID, v),
	})
}

func encodedProposal(chainID string, p *cmtproto.Proposal) (encoded, error) {
	request := privvalproto.Message{Sum: &privvalproto.Message_SignProposalRequest{
		SignProposalRequest: &privvalproto.SignProposalRequest{Proposal: p, ChainId: chainID}}}
	reply := privvalproto.Message{Sum: &privvalproto.Message_SignedProposalResponse{
		SignedProposalResponse: &privvalproto.SignedProposalResponse{Proposal: *p}}}
	return both(request, reply, encoded{SignBytes: types.ProposalSignBytes(chainID, p)})
}

func both(request, reply privvalproto.Message, answer encoded) (encoded, error) {
	var err error
	if answer.Request, err = request.Marshal(); err != nil {
		return answer, err
	}
	answer.Reply, err = reply.Marshal()
	return answer, err
}

func decoded(message []byte) (encoded, error) {
	var read privvalproto.Message
	if err := read.Unmarshal(message); err != nil {
		return encoded{}, err
	}
	again, err := read.Marshal()
	answer := encoded{Kind: fmt.Sprintf("%T", read.Sum), Again: again}
	failed := func(remote *privvalproto.RemoteSignerError) {
		if remote != nil {
			answer.ErrorCode = &remote.Code
			answer.Error = remote.Description
		}
	}
	switch sum := read.Sum.(type) {
	case *privvalproto.Message_PubKeyRequest:
		answer.ChainID = sum.PubKeyRequest.ChainId
	case *privvalproto.Message_PubKeyResponse:
		answer.PublicKey = sum.PubKeyResponse.PubKey.GetEd25519()
		failed(sum.PubKeyResponse.Error)
	case *privvalproto.Message_SignVoteRequest:
		answer.ChainID = sum.SignVoteRequest.ChainId
		if v := sum.SignVoteRequest.Vote; v != nil {
			answer.Vote = voteOf(v)
			answer.SignBytes = types.VoteSignBytes(answer.ChainID, v)
		}
	case *privvalproto.Message_SignedVoteResponse:
		answer.Vote = voteOf(&sum.SignedVoteResponse.Vote)
		failed(sum.SignedVoteResponse.Error)
	case *privvalproto.Message_SignProposalRequest:
		answer.ChainID = sum.SignProposalRequest.ChainId
		if p := sum.SignProposalRequest.Proposal; p != nil {
			answer.Proposal = proposalOf(p)
			answer.SignBytes = types.ProposalSignBytes(answer.ChainID, p)
		}
	case *privvalproto.Message_SignedProposalResponse:
		answer.Proposal = proposalOf(&sum.SignedProposalResponse.Proposal)
		failed(sum.SignedProposalResponse.Error)
	}
	return answer, err
}

// encode writes --count random valid votes and proposals with their encodings; the same --seed gives the same.
func encode(arguments []string) error {
	flags := flag.NewFlagSet("encode", flag.ExitOnError)
	count := flags.Int("count", 1000, "how many")
	seed := flags.Int64("seed", 1, "what they are drawn from")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	out := newAnswers()
	draw := rand.New(rand.NewSource(*seed))
	for range *count {
		chainID := string(text(draw, 1+draw.Intn(50)))
		var answer encoded
		var err error
		if draw.Intn(3) == 0 {
			p := randomProposal(draw)
			answer, err = encodedProposal(chainID, p.proto())
			answer.Proposal = &p
		} else {
			v := randomVote(draw)
			answer, err = encodedVote(chainID, v.proto())
			answer.Vote = &v
		}
		if err != nil {
			return err
		}
		answer.ChainID = chainID
		if err := out.give(answer); err != nil {
			return err
		}
	}
	return nil
}

func text(draw *rand.Rand, length int) []byte {
	const letters = "abcdefghijklmnopqrstuvwxyz-_0123456789"
	out := make([]byte, length)
	for i := range out {
		out[i] = letters[draw.Intn(len(letters))]
	}
	return out
}

func some(draw *rand.Rand, length int) []byte {
	out := make([]byte, length)
	draw.Read(out)
	return out
}

// below draws from 0 to most, of every order of magnitude, the ends often.
func below(draw *rand.Rand, most int64) int64 {
	switch draw.Intn(8) {
	case 0:
		return most
	case 1:
		return 0
	}
	return draw.Int63() >> draw.Intn(63) & most
}

func randomBlock(draw *rand.Rand) block {
	return block{some(draw, 32), uint32(1 + below(draw, math.MaxUint32-1)), some(draw, 32)}
}

func randomTime(draw *rand.Rand) (int64, int64) {
	const first, last = -62135596800, 253402300799
	nanos := below(draw, 1<<30-1) % 1e9
	switch draw.Intn(8) {
	case 0:
		return first, nanos
	case 1:
		return last, nanos
	case 2:
		return -below(draw, -first), nanos
	}
	return below(draw, 1<<37-1), nanos
}

func randomVote(draw *rand.Rand) vote {
	v := vote{
		Type: 1 + int32(draw.Intn(2)), Height: max(1, below(draw, math.MaxInt64)),
		Round: int32(below(draw, math.MaxInt32)), ValidatorAddress: some(draw, 20),
		ValidatorIndex: int32(below(draw, math.MaxInt32)),
	}
	v.Seconds, v.Nanos = randomTime(draw)
	if draw.Intn(4) > 0 {
		v.Block = randomBlock(draw)
		if v.Type == 2 && draw.Intn(2) == 0 {
			v.Extension = some(draw, draw.Intn(300))
		}
	}
	return v
}

func randomProposal(draw *rand.Rand) proposal {
	p := proposal{
		Type: 32, Height: max(1, below(draw, math.MaxInt64)), Round: int32(below(draw, math.MaxInt32)), PolRound: -1,
		Block: randomBlock(draw),
	}
	p.Seconds, p.Nanos = randomTime(draw)
	if p.Round > 0 && draw.Intn(2) == 0 {
		p.PolRound = int32(below(draw, int64(p.Round-1))) % p.Round
	}
	return p
}
