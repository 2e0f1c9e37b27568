//! The mock YubiHSM of the `yubihsm` crate, holding one Ed25519 key, behind the HTTP of `yubihsm-connector`.
//!
//! `yubihsm-mock PORT KEY_ID` on loopback. The key's 32-byte seed comes in on standard input; `ready` goes out when
//! the key is in and the port listens. Authentication is the one that a device leaves the factory with: key 1,
//! `password`.

use std::error::Error;
use std::io::{self, Read};

use yubihsm::connector::http::Server;
use yubihsm::{Capability, Client, Connector, Credentials, Domain, HttpConfig, asymmetric, object};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().ok_or("no port")?.parse()?;
    let key_id = arguments.next().ok_or("no key id")?.parse()?;
    let mut seed = [0; 32];
    io::stdin().read_exact(&mut seed)?;

    let connector = Connector::mockhsm();
    Client::open(connector.clone(), Credentials::default(), false)?.put_asymmetric_key(
        key_id,
        object::Label::default(),
        Domain::DOM1,
        Capability::SIGN_EDDSA,
        asymmetric::Algorithm::Ed25519,
        seed,
    )?;
    let server = Server::new(&HttpConfig { port, ..HttpConfig::default() }, connector)?;
    println!("ready");
    server.run()?;
    Ok(())
}
