"""What each field of a declaration must look like, why, and an example, in plain words.

One table for the messages about malformed values and for the descriptions that editors show.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from estate import model
from estate.clouds.aws import QUOTAS, Quota
from estate.model import CLOUD_ROLES, ROLES, SITE_ROLES, Model, Role, ZoneKind


def _plurals(roles: Sequence[Role]) -> str:
    *most, last = [ROLES[role].plural for role in roles]
    return f"{', '.join(most)} and {last}"


@dataclass(frozen=True)
class Words:
    """``rule`` follows "must be", ``reason`` says why, ``example`` is what could be written.

    ``key`` is about a mapping's keys, ``entry`` about each entry of a list or value of a mapping.
    """

    rule: str
    reason: str
    example: str
    key: Words | None = None
    entry: Words | None = None


_NAME = "a name of lower-case letters, digits and single dashes, of at most 20 characters, beginning with a letter"
_PORT = "a whole number from 1 to 65535"
_ASN = "a whole number from 1 to 4294967294"
_DNS = "a DNS name in lower case, without a trailing dot"
_ROLES = "a list of roles, at least one"
_PEER = "a node id of 40 hex digits, @, a host and a port"
_DOWNLOAD = "the two fields url and sha256"
_HASH_REASON = "what is downloaded is run only if it is exactly what was reviewed"
_SCRAPED_ROLES = f"[{', '.join(role for role, spec in ROLES.items() if spec.scraped)}]"


def _raised(quota: Quota) -> Words:
    least, most = quota.default, f" to {quota.most}" if quota.most else ""
    return Words(
        f"a whole number from {least}{most}" if most else f"a whole number, at least {least}",
        f'it is what AWS has raised the quota "{quota.title}" to in the region, from {least}',
        str(2 * (least or 48)),
    )


PEER = Words(
    _PEER,
    "a node is dialled at its address and identified by its id",
    "5e1f0c3a9b7d2e4f6a8c0b1d3e5f7a9c2b4d6e8f@peer.example:26656",
)
REGION_NAME = Words("the name of an AWS region", "it is passed to AWS unchanged", "eu-central-1")
ITEM_NAME = Words(_NAME, "it becomes part of host names, tags and DNS names", "alpha-1")
SERIAL = Words("4 to 32 capital letters, digits and dashes", "remote hands find the machine by it", "ASH1R003")
SSH_PUBLIC_KEYS = Words(
    "a list of SSH public keys, at least one, each ed25519, hardware-backed ed25519 or ECDSA P-256",
    "older kinds of key are no longer safe",
    '"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI… alice"',
    entry=Words(
        "an SSH public key: ed25519, hardware-backed ed25519 or ECDSA P-256",
        "older kinds of key are no longer safe",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI… alice",
    ),
)

WORDS: dict[tuple[type[Model], str], Words] = {
    (model.Download, "url"): Words(
        "an address that begins with https:// (or file:// for a file of this machine)",
        "a download over plain http can be replaced in transit",
        "https://downloads.example/genesis.json",
    ),
    (model.Download, "sha256"): Words("64 lower-case hex digits, in quotes", _HASH_REASON, '"' + "a1" * 32 + '"'),
    (model.Client, "package"): Words(
        "the name of a Debian package", "hosts install the client from the estate's own repository", "gaiad"
    ),
    (model.Client, "version"): Words(
        "a version such as 25.1.0, without a leading v, in quotes where it could be read as a number",
        "hosts install exactly this version",
        "25.1.0",
    ),
    (model.Client, "kind"): Words(
        "cosmos-sdk (the default) or loom", "it decides the files, command line and services of a node", "cosmos-sdk"
    ),
    (model.Client, "daemon"): Words("the name of the client's program", "the unit on each host starts it", "gaiad"),
    (model.Client, "release"): Words(
        _DOWNLOAD, _HASH_REASON, '{url: "https://downloads.example/gaiad-v25.1.0", sha256: "…"}'
    ),
    (model.Ports, "p2p"): Words(_PORT, "the chain's gossip listens there", "26656"),
    (model.Ports, "rpc"): Words(_PORT, "the chain's RPC listens there", "26657"),
    (model.Ports, "lcd"): Words(_PORT, "the chain's REST endpoint listens there; none is served without it", "1317"),
    (model.Ports, "privval"): Words(_PORT, "the validator takes its signer's connection there", "26659"),
    (model.Ports, "metrics"): Words(_PORT, "the monitors read the chain's metrics there", "26660"),
    (model.Chain, "chain_id"): Words(
        "2 to 50 letters, digits, dashes and underscores, beginning with a letter",
        "every vote is signed for it, and a vote for a wrong chain is lost",
        "cosmoshub-4",
    ),
    (model.Chain, "client"): Words(
        "the fields package, version, daemon and, if there are, kind and release",
        "hosts install and start it",
        "{package: gaiad, version: 25.1.0, daemon: gaiad}",
    ),
    (model.Chain, "genesis"): Words(
        _DOWNLOAD, "nodes with another genesis are on another chain", '{url: "https://…", sha256: "…"}'
    ),
    (model.Chain, "bech32_prefix"): Words(
        "1 to 20 lower-case letters", "addresses of a Cosmos SDK chain begin with it", "cosmos"
    ),
    (model.Chain, "minimum_gas_prices"): Words(
        "an amount followed by its denomination", "a node that charges nothing for gas can be flooded", "0.005uatom"
    ),
    (model.Chain, "block_seconds"): Words(
        "a number greater than 0 and at most 60", "timeouts and alarms scale with it", "6"
    ),
    (model.Chain, "vote_extensions"): Words(
        "true or false", "a node stops if the extension of its vote, be it empty, comes back unsigned", "false"
    ),
    (model.Chain, "ports"): Words(
        "ports by the names p2p, rpc, privval, metrics and, if it is served, lcd",
        "firewalls open these and no others",
        "{p2p: 26656, rpc: 26657, lcd: 1317, privval: 26659, metrics: 26660}",
    ),
    (model.Chain, "seeds"): Words(
        "a list of peers",
        "nodes ask seeds for their first peers",
        "5e1f0c3a9b7d2e4f6a8c0b1d3e5f7a9c2b4d6e8f@seed.example:26656",
        entry=PEER,
    ),
    (model.Chain, "persistent_peers"): Words(
        "a list of peers",
        "sentries keep these connections up",
        "5e1f0c3a9b7d2e4f6a8c0b1d3e5f7a9c2b4d6e8f@peer.example:26656",
        entry=PEER,
    ),
    (model.Aws, "account_id"): Words(
        "12 digits, in quotes", "without quotes a leading zero would be lost", '"123456789012"'
    ),
    (model.Aws, "permissions_boundary"): Words(
        "the ARN of an IAM policy",
        "it bounds every IAM role of the instance",
        "arn:aws:iam::123456789012:policy/estate-boundary",
    ),
    (model.Aws, "quotas"): Words(
        "a mapping from regions to the service quotas that AWS has raised there",
        "AWS refuses what exceeds a quota, in the middle of a deployment",
        "{eu-central-1: {elastic_ips_per_region: 12}}",
        key=REGION_NAME,
    ),
    **{(model.QuotaSet, name): _raised(quota) for name, quota in QUOTAS.items() if not quota.follows},
    (model.Zone, "slot"): Words(
        "a whole number from 0 to 4", "a region's block has room for the subnets of five zones", "0"
    ),
    (model.Region, "slot"): Words(
        "a whole number from 0 to 10", "the network's block has eleven slots for regions", "0"
    ),
    (model.Region, "zones"): Words(
        "a mapping from zone letters to their slots",
        "each subnet belongs to one availability zone",
        "{a: {slot: 0}, b: {slot: 1}}",
        key=Words("the letter of an availability zone, a to f", "AWS names zones by region and letter", "a"),
    ),
    (model.Region, "image"): Words(
        "the id of a machine image: ami- and 8 or 17 hex digits",
        "hosts start from a fixed image, so that a rebuilt host is the same host",
        "ami-0a1b2c3d4e5f60718",
    ),
    (model.Region, "asn"): Words(_ASN, "the region's VPN gateway identifies itself by it in BGP", "64801"),
    (model.CloudNode, "role"): Words(
        f"one of {', '.join(CLOUD_ROLES)}",
        f"{_plurals(SITE_ROLES)} are bare metal and belong under sites",
        CLOUD_ROLES[0],
    ),
    (model.CloudNode, "region"): REGION_NAME,
    (model.CloudNode, "zone"): Words("the letter of an availability zone, a to f", "it decides the subnet", "a"),
    (model.CloudNode, "number"): Words("a whole number from 1 to 30", "it fixes the host's name and its address", "1"),
    (model.CloudNode, "instance_type"): Words(
        "an EC2 instance type, family and size", "it is passed to AWS unchanged", "m6i.xlarge"
    ),
    (model.CloudNode, "disk_gib"): Words(
        "a whole number from 8 to 16384", "it is the size of the root volume in GiB", "500"
    ),
    (model.Endpoints, "dns_zone"): Words(
        _DNS, "the public names of the network are made in this zone", "validators.example"
    ),
    (model.Endpoints, "seed"): Words(_DNS, "peers find the seeds by it", "seed.validators.example"),
    (model.Endpoints, "rpc"): Words(_DNS, "the load balancer's certificate is for it", "rpc.validators.example"),
    (model.Endpoints, "lcd"): Words(_DNS, "the load balancer's certificate is for it", "lcd.validators.example"),
    (model.Partner, "account_id"): Words(
        "12 digits, in quotes", "the peering is requested from this account and no other", '"210987654321"'
    ),
    (model.Partner, "vpc_id"): Words(
        "the id of a VPC: vpc- and 8 or 17 hex digits",
        "the peering is requested with this VPC and no other",
        "vpc-0f0e0d0c0b0a09080",
    ),
    (model.Partner, "vpc_region"): REGION_NAME,
    (model.Partner, "region"): REGION_NAME,
    (model.Partner, "cidrs"): Words(
        "a list of IPv4 networks, at least one, each without host bits",
        "routes and firewalls are opened to these addresses and no others",
        "172.20.4.0/24",
        entry=Words(
            "an IPv4 network without host bits",
            "routes and firewalls are opened to these addresses and no others",
            "172.20.4.0/24",
        ),
    ),
    (model.Partner, "peers"): Words(
        "a list of peers, at least one",
        "private sentries know their peers by node id",
        "5e1f0c3a9b7d2e4f6a8c0b1d3e5f7a9c2b4d6e8f@172.20.4.10:26656",
        entry=PEER,
    ),
    (model.Partner, "expires"): Words(
        "a date in quotes, year-month-day", "access that is not renewed must end", '"2027-12-31"'
    ),
    (model.Partner, "contact"): Words(
        "an e-mail address", "the partner must be informed before the peering changes", "noc@partner.example"
    ),
    (model.SiteZone, "kind"): Words(
        f"one of {', '.join(ZoneKind)}", "the firewall's rules follow from it", "validator"
    ),
    (model.SiteZone, "slot"): Words("a whole number from 0 to 15", "the site's block has sixteen slots for zones", "0"),
    (model.SiteZone, "vlan"): Words(
        "a whole number from 2 to 4094", "1 is the switches' default VLAN, and 4094 is the last one there is", "110"
    ),
    (model.Nic, "mac"): Words(
        "six pairs of lower-case hex digits with colons, in quotes",
        "the host identifies its network cards by it",
        '"b8:ca:3a:11:01:00"',
    ),
    (model.Nic, "switch"): Words("the name of one of the cabinet's switches", "it says where the cable ends", "core-a"),
    (model.Server, "role"): Words(
        f"one of {', '.join(SITE_ROLES)}",
        f"{_plurals(CLOUD_ROLES)} are cloud nodes and belong under nodes",
        SITE_ROLES[0],
    ),
    (model.Server, "zone"): Words(
        "the name of one of the site's zones", "it decides VLAN, address and firewall", "validator-a"
    ),
    (model.Server, "number"): Words("a whole number from 1 to 30", "it fixes the host's name and its address", "1"),
    (model.Machine, "hardware"): Words(
        "maker and model, at most 64 characters",
        "a spare helps only if it is the same machine",
        "Dell PowerEdge R660",
    ),
    (model.Server, "serial"): SERIAL,
    (model.Machine, "rack_units"): Words(
        "a list of whole numbers from 1 to 48, at least one",
        "remote hands find the machine by it",
        "[3]",
        entry=Words("a whole number from 1 to 48", "a cabinet has no more units", "3"),
    ),
    (model.Machine, "power"): Words(
        "a list of PDU names, at least one",
        "it says which feeds keep the machine up",
        "[pdu-a, pdu-b]",
        entry=Words("the name of a PDU", "it says which feed keeps the machine up", "pdu-a"),
    ),
    (model.Machine, "nics"): Words(
        "a list of network cards, at least one, each with mac and switch",
        "the bond is made of them",
        '[{mac: "b8:ca:3a:11:01:00", switch: core-a}, {mac: "b8:ca:3a:11:01:01", switch: core-b}]',
    ),
    (model.Server, "active"): Words("true or false", "it marks the one of the pair that does the work now", "true"),
    (model.Machine, "public_address"): Words("an IPv4 address", "an edge takes the tunnels there", "192.0.2.4"),
    (model.Cabinet, "id"): Words("1 to 32 characters", "remote hands find the cabinet by it", "A-0417"),
    (model.Cabinet, "pdus"): Words(
        "a list of names, at least one", "servers say which of them feed them", "[pdu-a, pdu-b]", entry=ITEM_NAME
    ),
    (model.Cabinet, "switches"): Words(
        "a list of names, at least one",
        "servers say which of them they are wired to",
        "[core-a, core-b]",
        entry=ITEM_NAME,
    ),
    (model.Link, "certificates"): Words(
        "a list of certificate ARNs, at least one",
        "an edge authenticates with it; no key is shared",
        "arn:aws:acm:eu-central-1:123456789012:certificate/ash1-edge-01",
        entry=Words(
            "the ARN of a certificate",
            "an edge authenticates with it",
            "arn:aws:acm:eu-central-1:123456789012:certificate/ash1-edge-01",
        ),
    ),
    (model.Site, "slot"): Words(
        "a whole number from 11 to 14", "the network's block has four slots for sites, after the regions'", "11"
    ),
    (model.Facility, "vendor"): Words("1 to 40 characters", "two sites must not fail with one company", "Equinix"),
    (model.Facility, "facility"): Words("1 to 40 characters", "people and parcels are sent there", "DC11 Ashburn"),
    (model.Facility, "continent"): Words(
        "one of north-america, europe, asia, south-america, africa, oceania",
        "two sites must not fail with one power grid",
        "europe",
    ),
    (model.Site, "asn"): Words(_ASN, "the site's edges identify themselves by it in BGP", "64901"),
    (model.Facility, "uplink"): Words(
        "an IPv4 network without host bits", "the edges have their public addresses in it", "192.0.2.0/28"
    ),
    (model.Facility, "cabinet"): Words(
        "the fields id, pdus and switches",
        "servers are checked against it",
        "{id: A-0417, pdus: [pdu-a, pdu-b], switches: [core-a, core-b]}",
    ),
    (model.Site, "zones"): Words(
        "a mapping from zone names to kind, slot and vlan",
        "each zone is a VLAN behind the firewall pair",
        "{validator-a: {kind: validator, slot: 0, vlan: 110}}",
        key=ITEM_NAME,
    ),
    (model.Site, "servers"): Words(
        "a list of servers", "what is not declared is not deployed", "[{role: validator, zone: validator-a, …}]"
    ),
    (model.Site, "links"): Words(
        "a mapping from regions to their certificates",
        "the site reaches the cloud through tunnels",
        "{eu-central-1: {certificates: [arn:…, arn:…]}}",
        key=REGION_NAME,
    ),
    (model.Datacentre, "machines"): Words(
        "a mapping from serials to machines",
        "remote hands find a machine by its serial, and networks say what runs on it",
        "{ASH1R003: {hardware: Dell PowerEdge R660, …}}",
        key=SERIAL,
    ),
    (model.Person, "ssh_public_keys"): SSH_PUBLIC_KEYS,
    (model.Person, "duties"): Words(
        "a mapping from networks, or * for every other one, to names of duties",
        "a person has an account where a duty gives one, and nowhere else",
        "{cosmoshub: operator}",
        key=Words("the name of a network, or *", "the duty holds there", "cosmoshub"),
        entry=Words("the name of a duty", "the duty says on which hosts the person has an account", "operator"),
    ),
    (model.Company, "duties"): Words(
        "a mapping from names of duties to lists of roles",
        "a person of that duty gets an account on hosts of these roles and on no others",
        "{operator: [public-sentry, seed]}",
        key=ITEM_NAME,
    ),
    (model.Company, "people"): Words(
        "a mapping from user names to people",
        "nobody else has an account on a host",
        "{alice: {ssh_public_keys: […], duties: {cosmoshub: operator}}}",
        key=ITEM_NAME,
    ),
    (model.Company, "services"): Words(
        "a mapping from names to central services",
        "hosts of every network call them, and no other but those of their network",
        "{time: {address: 198.51.100.11, port: 123, protocol: udp, consumers: […]}}",
        key=ITEM_NAME,
    ),
    (model.Company, "defaults"): Words(
        "the fields endpoints, vpn, leases, monitoring and site",
        "a network has them unless its file declares its own",
        '{vpn: {port: 1194, certificate_authority: "vault:pki/{network}-vpn#ca_chain"}}',
    ),
    (model.Defaults, "endpoints"): Words(
        "the fields dns_zone, seed, rpc and lcd",
        "the public finds a network's seeds and APIs by these names",
        '{dns_zone: validators.example, seed: "{network}-seed.validators.example", rpc: …, lcd: …}',
    ),
    (model.Defaults, "vpn"): Words(
        "the fields port and certificate_authority",
        "operators have no other access",
        '{port: 1194, certificate_authority: "vault:pki/{network}-vpn#ca_chain"}',
    ),
    (model.Defaults, "leases"): Words(
        "a mapping from names to leases",
        "hosts hold no credential that was not declared",
        '{seed-tls: {kind: pki, path: "pki-{network}/issue/seed", …}}',
        key=Words(
            f"{_NAME}; it can end in -{{site}}",
            "it becomes part of file names, and with {site} each site that signs has one of its own",
            "gate-{site}",
        ),
    ),
    (model.Defaults, "monitoring"): Words(
        "a mapping from names to scrape jobs",
        "what is not monitored fails unnoticed",
        "{host: {roles: […], port: 9100}}",
        key=ITEM_NAME,
    ),
    (model.Defaults, "site"): Words(
        "the fields zones, servers and certificates",
        "what a network has in a datacentre is alike in each",
        "{zones: {edge: {kind: edge, slot: 5, vlan: 40}}, servers: {edge: [edge, edge]}}",
    ),
    (model.SiteDefaults, "zones"): Words(
        "a mapping from names to zones",
        "each is a VLAN of the site; a network's VLANs are counted from the vlans of its site",
        "{edge: {kind: edge, slot: 5, vlan: 40}}",
        key=ITEM_NAME,
    ),
    (model.SiteDefaults, "servers"): Words(
        "a mapping from roles to the zones of their servers",
        "it decides VLAN, address and firewall of each",
        "{validator: [validator-a, validator-b]}",
        key=Words(f"one of {', '.join(SITE_ROLES)}", "the servers do its work", SITE_ROLES[0]),
        entry=Words("the name of a zone", "it decides VLAN, address and firewall of the server", "validator-a"),
    ),
    (model.SiteDefaults, "certificates"): Words(
        "a list of certificate ARNs, one for each edge",
        "an edge authenticates with it; no key is shared",
        '["arn:aws:acm:{region}:{account}:certificate/{site}-edge-01"]',
        entry=Words(
            "the ARN of a certificate",
            "an edge authenticates with it",
            "arn:aws:acm:{region}:{account}:certificate/{site}-edge-01",
        ),
    ),
    (model.ShortSite, "vlans"): Words(
        "a whole number from 0 to 4092",
        "the VLANs of the company's default zones are counted from it",
        "100",
    ),
    (model.ShortSite, "servers"): Words(
        "a mapping from roles to the serials of their servers, or a list of servers",
        "they are numbered from 1, and their zones follow from the company's defaults",
        "{validator: [ASH1R003, ASH1R004]}",
        key=Words(f"one of {', '.join(SITE_ROLES)}", "the servers do its work", SITE_ROLES[0]),
        entry=Words("a list of serials", "the first is server 1 of its role", "[ASH1R003, ASH1R004]"),
    ),
    (model.ShortSite, "active"): Words(
        "a mapping from roles to the number of one of their servers",
        "it marks the one of the pair that does the work now, where that is not the first",
        "{validator: 2}",
        key=Words(f"one of {', '.join(SITE_ROLES)}", "the servers do its work", SITE_ROLES[0]),
        entry=Words("the number of a server of the role", "it does the work now", "2"),
    ),
    (model.Signing, "backend"): Words("softsign or yubihsm", "the signer's configuration follows from it", "softsign"),
    (model.Signing, "custody"): Words("the name of a site", "one site's active signer holds the consensus key", "ash1"),
    (model.Signing, "coordination"): Words(
        "the fields sites, generation, replicas, detours, witness and reach_blocks",
        "sites that sign with one key must agree on each signature before it is made",
        "{sites: {ash1: gate-ash1, zrh1: gate-zrh1}, replicas: {eu-central-1: coordination}}",
    ),
    (model.Coordination, "sites"): Words(
        "a mapping from names of sites to names of leases",
        "the active signer of each of these sites signs, and calls the table with that lease",
        "{ash1: gate-ash1, zrh1: gate-zrh1}",
        key=Words("the name of a site", "its active signer signs", "ash1"),
    ),
    (model.Coordination, "generation"): Words(
        "a whole number from 1 to 1000000",
        "a table that took a lost one's place has a higher one, and gates of a lower one are refused",
        "1",
    ),
    (model.Coordination, "replicas"): Words(
        "a mapping from AWS regions to names of central services",
        "the table has a replica in each of these regions, which signers reach through that service",
        "{us-east-1: coordination, us-east-2: coordination-2}",
        key=REGION_NAME,
    ),
    (model.Coordination, "detours"): Words(
        "a mapping from regions of the replicas to lists of 1 to 5 names of central services",
        "signers reach the replica through these, in this order, where its own service cannot be reached",
        "{us-east-1: [coordination-b]}",
        key=REGION_NAME,
    ),
    (model.Coordination, "witness"): REGION_NAME,
    (model.Coordination, "reach_blocks"): Words(
        "a whole number from 1 to 10000000",
        "a gate signs nothing that is further above the last signature: what is once signed can never be undercut",
        "14400",
    ),
    (model.Vpn, "port"): Words(_PORT, "operators' VPN clients dial it over UDP", "1194"),
    (model.Vpn, "certificate_authority"): Words(
        "a reference of the form vault:<path>#<field>",
        "a declaration says where a secret is, never what it is",
        "vault:pki/cosmoshub-vpn#ca_chain",
    ),
    (model.Operator, "ssh_public_keys"): SSH_PUBLIC_KEYS,
    (model.Operator, "roles"): Words(
        _ROLES, "a person gets an account on hosts of these roles and on no others", "[public-sentry, seed]"
    ),
    (model.Service, "address"): Words(
        "an IPv4 address", "firewalls are opened to an address, not to a name that could change", "198.51.100.10"
    ),
    (model.Service, "port"): Words(_PORT, "firewalls are opened to this port only", "443"),
    (model.Service, "protocol"): Words("tcp or udp", "firewalls are opened for this protocol only", "tcp"),
    (model.Service, "consumers"): Words(_ROLES, "hosts of other roles cannot reach the service", "[monitor]"),
    (model.Lease, "kind"): Words(
        "one of aws, pki, ssh, kv, database", "it says which engine of Vault issues the credential", "pki"
    ),
    (model.Lease, "path"): Words(
        "a path in Vault without a leading slash",
        "a host is allowed to read this path and no other",
        "pki-cosmoshub/issue/sentry",
    ),
    (model.Lease, "roles"): Words(_ROLES, "hosts of other roles cannot take the credential", "[public-sentry]"),
    (model.Lease, "ttl_seconds"): Words(
        "a whole number from 60 to 86400", "a leaked credential must soon expire", "3600"
    ),
    (model.Lease, "renew_before_seconds"): Words("a whole number, at least 10", "a renewal takes time", "900"),
    (model.Lease, "single_use"): Words(
        "true or false", "a credential that was used once opens nothing a second time", "true"
    ),
    (model.ScrapeJob, "roles"): Words(_ROLES, "the monitors read hosts of these roles", _SCRAPED_ROLES),
    (model.ScrapeJob, "port"): Words(_PORT, "the monitors read from this port", "9100"),
    (model.ScrapeJob, "path"): Words("a path that begins with a slash", "the monitors read from this path", "/metrics"),
    (model.ScrapeJob, "interval_seconds"): Words(
        "a whole number from 5 to 300", "an alarm cannot be faster than its measurements", "15"
    ),
    (model.Network, "name"): Words(
        "2 to 16 lower-case letters and digits, beginning with a letter",
        "every host name begins with it, and a host name ends at 63 characters",
        "cosmoshub",
    ),
    (model.Network, "slot"): Words(
        "a whole number from 1 to 254", "it is the second number of all addresses of the network: 10.<slot>.0.0/16", "1"
    ),
    (model.Network, "owner"): Words(_NAME, "every resource is tagged with who answers for it", "network-operations"),
    (model.Network, "stage"): Words("production or testnet", "every resource is tagged with it", "production"),
    (model.Network, "chain"): Words(
        "the chain's facts", "hosts cannot join a chain that is not declared", "{chain_id: cosmoshub-4, …}"
    ),
    (model.Network, "aws"): Words(
        "the fields account_id and, where AWS has raised any, quotas",
        "resources must not be created in another account by accident",
        '{account_id: "123456789012"}',
    ),
    (model.Network, "regions"): Words(
        "a mapping from AWS regions to slot, asn, image and zones, at least one",
        "cloud nodes run there",
        "{eu-central-1: {slot: 0, …}}",
        key=REGION_NAME,
    ),
    (model.Network, "nodes"): Words(
        "a list of cloud nodes",
        "what is not declared is not deployed",
        "[{role: public-sentry, region: eu-central-1, zone: a, number: 1}]",
    ),
    (model.Network, "endpoints"): Words(
        "the fields dns_zone, seed, rpc and, if it is served, lcd",
        "the public finds the network's seeds and APIs by these names",
        "{dns_zone: validators.example, seed: …, rpc: …, lcd: …}",
    ),
    (model.Network, "partners"): Words(
        "a mapping from names to partners",
        "a partner that is not declared reaches nothing",
        "{northwind: {account_id: …}}",
        key=ITEM_NAME,
    ),
    (model.Network, "sites"): Words(
        "a mapping from names to datacentres, at least one",
        "validators and signers run there",
        "{ash1: {slot: 11, …}}",
        key=ITEM_NAME,
    ),
    (model.Network, "signing"): Words(
        "the fields backend, custody and coordination",
        "a key that signs in two places without agreement is slashed",
        "{backend: softsign, custody: ash1}",
    ),
    (model.Network, "vpn"): Words(
        "the fields port and certificate_authority",
        "operators have no other access",
        "{port: 1194, certificate_authority: vault:pki/cosmoshub-vpn#ca_chain}",
    ),
    (model.Network, "operators"): Words(
        "a mapping from user names to operators",
        "nobody else has an account on a host",
        "{alice: {ssh_public_keys: […], roles: […]}}",
        key=ITEM_NAME,
    ),
    (model.Network, "services"): Words(
        "a mapping from names to central services",
        "hosts may connect to no other service",
        "{time: {address: 198.51.100.11, port: 123, protocol: udp, consumers: […]}}",
        key=ITEM_NAME,
    ),
    (model.Network, "leases"): Words(
        "a mapping from names to leases",
        "hosts hold no credential that was not declared",
        "{seed-tls: {kind: pki, …}}",
        key=ITEM_NAME,
    ),
    (model.Network, "monitoring"): Words(
        "a mapping from names to scrape jobs",
        "what is not monitored fails unnoticed",
        "{host: {roles: […], port: 9100}}",
        key=ITEM_NAME,
    ),
}


def words(owner: type[Model], field: str) -> Words:
    """The words for ``field`` of the model ``owner``; every field has some, and a test checks that."""
    return next(WORDS[each, field] for each in owner.__mro__ if (each, field) in WORDS)
