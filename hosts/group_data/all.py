"""How pyinfra reaches every host: as the deploying user, by key, with a known host key."""

from configuration.accounts import DEPLOY_USER

ssh_user = DEPLOY_USER
ssh_strict_host_key_checking = "yes"
ssh_allow_agent = True
ssh_look_for_keys = False
ssh_connect_retries = 3
_sudo = True
