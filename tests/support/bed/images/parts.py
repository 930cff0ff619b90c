"""Which program plays which service, and how its container behaves.

An image keeps what is outside of it as the real one has it: names, ports, environment,
where its data lies. `stand_in` in its labels says what it is instead.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.bed.images.debs import BULLSEYE, Archive

STAND_IN = "mip.bed.stand-in"
ENGINE = Path(__file__).resolve().parents[2] / "engine"

BASE = (
    *("base-files", "bash", "coreutils", "dash", "findutils", "grep", "hostname", "libc-bin"),
    *("netbase", "sed", "util-linux"),
)

PASSWD = b"""\
root:x:0:0:root:/root:/bin/bash
postgres:x:70:70::/var/lib/postgresql:/bin/sh
www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
"""
GROUP = b"""\
root:x:0:
tty:x:5:
www-data:x:33:
postgres:x:70:
nogroup:x:65534:
"""
BASE_FILES = {
    "etc/passwd": (0o644, PASSWD),
    "etc/group": (0o644, GROUP),
    "etc/nsswitch.conf": (0o644, b"passwd: files\ngroup: files\nhosts: files dns\n"),
    "tmp": (0o1777, None),
}

# As bitnami's image starts it: a server of its own, reachable by clients from everywhere,
# gossip on the interface that the environment names.
KEYSTORE = b"""\
#!/bin/sh
set -eu
interface=${CONSUL_BIND_INTERFACE:-eth0}
first="include \\"name\\" \\"^$interface\\$\\" | include \\"type\\" \\"IPv4\\" | limit 1"
mkdir -p /bitnami/consul
exec consul agent -server -bootstrap-expect=1 -client=0.0.0.0 -data-dir=/bitnami/consul \\
    -bind="{{ GetAllInterfaces | $first | attr \\"address\\" }}" -datacenter=dc1 \\
    -hcl='performance { raft_multiplier = 1 }' "$@"
"""

# As the official image starts it: a database in an empty folder, then the server, never root.
DATABASE = b"""\
#!/bin/sh
set -eu
export PGDATA=${PGDATA:-/var/lib/postgresql/data}
programs=$(echo /usr/lib/postgresql/*/bin)
export PATH="$programs:$PATH"
case "${1:-postgres}" in
    -*) set -- postgres "$@" ;;
    postgres) ;;
    *) exec "$@" ;;
esac
mkdir -p "$PGDATA" /var/run/postgresql
chmod 700 "$PGDATA"
chown -R postgres:postgres "$PGDATA" /var/run/postgresql
as_postgres="setpriv --reuid=70 --regid=70 --clear-groups"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    if [ -z "${POSTGRES_PASSWORD:-}" ]; then
        echo "Error: Database is uninitialized and superuser password is not specified." >&2
        exit 1
    fi
    passwords=$(mktemp)
    printf '%s\\n' "$POSTGRES_PASSWORD" > "$passwords"
    chown postgres "$passwords"
    $as_postgres initdb --username="${POSTGRES_USER:-postgres}" --pwfile="$passwords" \\
        --auth-local=trust --auth-host=md5 --locale=C.UTF-8 --encoding=UTF8 --no-sync
    rm -f "$passwords"
    echo "host all all all md5" >> "$PGDATA/pg_hba.conf"
    echo "listen_addresses = '*'" >> "$PGDATA/postgresql.conf"
fi
shift
exec $as_postgres postgres "$@"
"""

# Makes DB<n> for USER<n> with PASSWORD<n>, where they are not there yet, and ends.
DATABASES = b"""\
#!/bin/sh
set -eu
export PATH="$(echo /usr/lib/postgresql/*/bin):$PATH"
export PGHOST=$DB_HOST PGPORT=${DB_PORT:-5432} PGUSER=$DB_ADMIN_USER
export PGPASSWORD=$DB_ADMIN_PASSWORD PGDATABASE=postgres PGCONNECT_TIMEOUT=5
number=1
while [ $number -le 9 ]; do
    eval "name=\\${DB$number:-} user=\\${USER$number:-} password=\\${PASSWORD$number:-}"
    if [ -n "$name" ]; then
        # the password on no command line
        PASSWORD=$password psql -v ON_ERROR_STOP=1 -q -v name="$name" -v user="$user" <<'SQL'
\\getenv password PASSWORD
SELECT format('CREATE ROLE %I LOGIN', :'user')
    WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'user') \\gexec
SELECT format('ALTER ROLE %I PASSWORD %L', :'user', :'password') \\gexec
SELECT format('CREATE DATABASE %I OWNER %I', :'name', :'user')
    WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \\gexec
SQL
        echo "database $name is there"
    fi
    number=$((number + 1))
done
"""

# As the real one: a Caddy that takes its upstreams from the environment, and refuses its
# configuration where one is missing. It gives the file itself, from where the deployment mounts
# the portal's configuration.
FRONTEND = b"""\
{
	admin off
	auto_https off
}

:80 {
	handle /services/* {
		reverse_proxy {
			to {$PORTAL_BACKEND_SERVER}
		}
	}
	handle {$GALAXY_PATH}/* {
		reverse_proxy {
			to {$GALAXY_HOST}
		}
	}
	handle /datacatalogue {
		redir {$DATACATALOGUE_SERVER} 302
	}
	handle /pathologies.json {
		root * /opt/portal/api
		header Cache-Control no-store
		file_server
	}
	handle / {
		respond "A stand-in for the portal's frontend."
	}
}
"""


@dataclass(frozen=True)
class Part:
    """One program and its images: {repository:tag: extra environment}."""

    name: str
    images: Mapping[str, Mapping[str, str]]
    stand_in: str
    entrypoint: tuple[str, ...]
    packages: tuple[str, ...]
    files: Mapping[str, tuple[int, bytes | None]]
    command: tuple[str, ...] = ()
    archive: Archive | None = None
    folders: tuple[str, ...] = field(default=())


def _engine_files() -> dict[str, tuple[int, bytes | None]]:
    return {
        f"opt/stand-in/engine/{source.name}": (0o644, source.read_bytes())
        for source in sorted(ENGINE.glob("*.py"))
    }


def all_parts() -> tuple[Part, ...]:
    """Every part, with the engine's program as it is now."""
    database = ("postgresql-15",)
    return (
        Part(
            name="exareme",
            images={
                "hbpmip/exareme:24.3.0": {"VERSION": "24.3.0"},
                "hbpmip/exareme:24.5.1": {"VERSION": "24.5.1"},
            },
            stand_in="a small program of this project's tests, not exareme",
            entrypoint=("python3", "-u", "-m", "engine"),
            packages=("python3",),
            files=_engine_files() | {"root/exareme/data": (0o755, None)},
        ),
        Part(
            name="keystore",
            images={"bitnami/consul:1.8.3": {}},
            stand_in="consul 1.8.7 of Debian",
            entrypoint=("/entrypoint.sh",),
            packages=("consul",),
            archive=BULLSEYE,
            files={"entrypoint.sh": (0o755, KEYSTORE)},
        ),
        Part(
            name="database",
            images={"postgres:11.3-alpine": {}},
            stand_in="PostgreSQL 15 of Debian",
            entrypoint=("/entrypoint.sh",),
            command=("postgres",),
            packages=database,
            files={"entrypoint.sh": (0o755, DATABASE)},
        ),
        Part(
            name="databases",
            images={"hbpmip/create-databases:1.1.0": {}},
            stand_in="psql of Debian",
            entrypoint=("/create-databases.sh",),
            packages=database,
            files={"create-databases.sh": (0o755, DATABASES)},
        ),
        Part(
            name="frontend",
            images={"hbpmip/portal-frontend:8.0.2": {}},
            stand_in="Caddy of Debian",
            entrypoint=(
                "caddy",
                "run",
                "--adapter",
                "caddyfile",
                "--config",
                "/etc/caddy/Caddyfile",
            ),
            packages=("caddy",),
            files={"etc/caddy/Caddyfile": (0o644, FRONTEND)},
        ),
    )


def architecture() -> str:
    """This machine's, in a registry's words."""
    machine = platform.machine()
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
