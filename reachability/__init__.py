"""The prover: from resources and host firewalls to verdicts with witnesses. Pure: no Pulumi, no cloud SDK, no I/O."""
