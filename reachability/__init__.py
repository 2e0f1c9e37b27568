"""The prover: resources and host firewalls in, verdicts with witnesses out. Pure: no Pulumi, no cloud SDK, no I/O."""
