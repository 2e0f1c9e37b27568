package main

import (
	"encoding/hex"
	"time"

	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
)

type hexBytes []byte

func (b hexBytes) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(b)), nil }

func (b *hexBytes) UnmarshalText(text []byte) (err error) {
	*b, err = hex.DecodeString(string(text))
	return err
}

type block struct {
	Hash      hexBytes `json:"hash"`
	Parts     uint32   `json:"parts"`
	PartsHash hexBytes `json:"parts_hash"`
}

func (b block) proto() cmtproto.BlockID {
	return cmtproto.BlockID{Hash: b.Hash, PartSetHeader: cmtproto.PartSetHeader{Total: b.Parts, Hash: b.PartsHash}}
}

func blockOf(id cmtproto.BlockID) block {
	return block{id.Hash, id.PartSetHeader.Total, id.PartSetHeader.Hash}
}

// vote and proposal are CometBFT's messages; the time is seconds and nanoseconds since 1970.
type vote struct {
	Type               int32    `json:"type"`
	Height             int64    `json:"height"`
	Round              int32    `json:"round"`
	Block              block    `json:"block"`
	Seconds            int64    `json:"seconds"`
	Nanos              int64    `json:"nanos"`
	ValidatorAddress   hexBytes `json:"validator_address"`
	ValidatorIndex     int32    `json:"validator_index"`
	Signature          hexBytes `json:"signature"`
	Extension          hexBytes `json:"extension"`
	ExtensionSignature hexBytes `json:"extension_signature"`
}

func (v vote) proto() *cmtproto.Vote {
	return &cmtproto.Vote{
		Type: cmtproto.SignedMsgType(v.Type), Height: v.Height, Round: v.Round, BlockID: v.Block.proto(),
		Timestamp: time.Unix(v.Seconds, v.Nanos).UTC(), ValidatorAddress: v.ValidatorAddress,
		ValidatorIndex: v.ValidatorIndex, Signature: v.Signature, Extension: v.Extension,
		ExtensionSignature: v.ExtensionSignature,
	}
}

func voteOf(v *cmtproto.Vote) *vote {
	return &vote{
		Type: int32(v.Type), Height: v.Height, Round: v.Round, Block: blockOf(v.BlockID),
		Seconds: v.Timestamp.Unix(), Nanos: int64(v.Timestamp.Nanosecond()), ValidatorAddress: v.ValidatorAddress,
		ValidatorIndex: v.ValidatorIndex, Signature: v.Signature, Extension: v.Extension,
		ExtensionSignature: v.ExtensionSignature,
	}
}

type proposal struct {
	Type      int32    `json:"type"`
	Height    int64    `json:"height"`
	Round     int32    `json:"round"`
	PolRound  int32    `json:"pol_round"`
	Block     block    `json:"block"`
	Seconds   int64    `json:"seconds"`
	Nanos     int64    `json:"nanos"`
	Signature hexBytes `json:"signature"`
}

func (p proposal) proto() *cmtproto.Proposal {
	return &cmtproto.Proposal{
		Type: cmtproto.SignedMsgType(p.Type), Height: p.Height, Round: p.Round, PolRound: p.PolRound,
		BlockID: p.Block.proto(), Timestamp: time.Unix(p.Seconds, p.Nanos).UTC(), Signature: p.Signature,
	}
}

func proposalOf(p *cmtproto.Proposal) *proposal {
	return &proposal{
		Type: int32(p.Type), Height: p.Height, Round: p.Round, PolRound: p.PolRound, Block: blockOf(p.BlockID),
		Seconds: p.Timestamp.Unix(), Nanos: int64(p.Timestamp.Nanosecond()), Signature: p.Signature,
	}
}
