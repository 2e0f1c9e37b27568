package main

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/evidence"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/types"
)

type released struct {
	ChainID   string    `json:"chain_id"`
	PublicKey hexBytes  `json:"public_key"`
	Vote      *vote     `json:"vote"`
	Proposal  *proposal `json:"proposal"`
}

type position struct {
	chain, key string
	height     int64
	round      int32
	kind       int32
}

type duplicate struct {
	ChainID  string `json:"chain_id"`
	Height   int64  `json:"height"`
	Round    int32  `json:"round"`
	Type     int32  `json:"type"`
	Evidence string `json:"evidence"`
}

type verdict struct {
	Messages             int         `json:"messages"`
	InvalidSignatures    []int       `json:"invalid_signatures"`
	Duplicates           []duplicate `json:"duplicates"`
	ConflictingProposals []duplicate `json:"conflicting_proposals"`
}

// findEvidence reads what was released, {"chain_id", "public_key", "vote" | "proposal"} with signatures, and at the end
// says in one object which lines (from 0) are not signed by the key, where CometBFT accepts two votes as evidence of a
// double sign, and where two proposals differ.
func findEvidence([]string) error {
	found := verdict{InvalidSignatures: []int{}, Duplicates: []duplicate{}, ConflictingProposals: []duplicate{}}
	votes := map[position][]*types.Vote{}
	proposals := map[position][]*types.Proposal{}
	err := eachLine(func(line []byte) error {
		var one released
		if err := json.Unmarshal(line, &one); err != nil {
			return err
		}
		number := found.Messages
		found.Messages++
		err := guarded(func() error {
			if one.Vote != nil {
				return found.addVote(votes, one)
			}
			return found.addProposal(proposals, one)
		})
		if err != nil {
			found.InvalidSignatures = append(found.InvalidSignatures, number)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return newAnswers().give(found)
}

func (found *verdict) addVote(votes map[position][]*types.Vote, one released) error {
	key := ed25519.PubKey(one.PublicKey)
	one.Vote.ValidatorAddress = hexBytes(key.Address())
	one.Vote.ValidatorIndex = 0
	v, err := types.VoteFromProto(one.Vote.proto())
	if err != nil {
		return err
	}
	if err := v.Verify(one.ChainID, key); err != nil {
		return err
	}
	if len(v.ExtensionSignature) > 0 {
		if err := v.VerifyExtension(one.ChainID, key); err != nil {
			return err
		}
	}
	at := position{one.ChainID, string(key), v.Height, v.Round, int32(v.Type)}
	for _, other := range votes[at] {
		if other.BlockID.Equals(v.BlockID) {
			continue
		}
		validators := types.NewValidatorSet([]*types.Validator{types.NewValidator(key, 1)})
		both, err := types.NewDuplicateVoteEvidence(other, v, time.Now(), validators)
		if err == nil {
			err = evidence.VerifyDuplicateVote(both, one.ChainID, validators)
		}
		said := "accepted"
		if err != nil {
			said = err.Error()
		}
		found.Duplicates = append(found.Duplicates, duplicate{one.ChainID, v.Height, v.Round, int32(v.Type), said})
	}
	votes[at] = append(votes[at], v)
	return nil
}

func (found *verdict) addProposal(proposals map[position][]*types.Proposal, one released) error {
	key := ed25519.PubKey(one.PublicKey)
	p, err := types.ProposalFromProto(one.Proposal.proto())
	if err != nil {
		return err
	}
	if !key.VerifySignature(types.ProposalSignBytes(one.ChainID, p.ToProto()), p.Signature) {
		return types.ErrVoteInvalidSignature
	}
	at := position{one.ChainID, string(key), p.Height, p.Round, int32(cmtproto.ProposalType)}
	for _, other := range proposals[at] {
		if !other.BlockID.Equals(p.BlockID) || other.POLRound != p.POLRound {
			found.ConflictingProposals = append(found.ConflictingProposals, duplicate{
				one.ChainID, p.Height, p.Round, int32(p.Type), "not slashable",
			})
		}
	}
	proposals[at] = append(proposals[at], p)
	return nil
}

// signed says whether the key signed exactly these bytes.
func signed(key ed25519.PubKey, signature []byte, signBytes func() []byte) bool {
	var good bool
	err := guarded(func() error {
		good = key.VerifySignature(bytes.Clone(signBytes()), signature)
		return nil
	})
	return err == nil && good
}
