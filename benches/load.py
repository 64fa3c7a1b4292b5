"""Load by pgbench: sessions of an application that do one thing over and over."""

import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from shape import ACCOUNTS

TENANTS = 500
TENANT_ID = "format('a0000000-0000-4000-8000-%s', lpad(({})::text, 12, '0'))"
ROLE = "-c role=acct_bench_admin"
# No two requests are the same, so that none is refused as the twin of another one.
START = f"""\
\\set tenant random(1, {TENANTS})
SELECT acct_export_start('accounts', 'csv', reason => format('%s %s', :client_id, clock_timestamp()))
  FROM set_config('app.tenant_id', {TENANT_ID.format(':tenant')}, false);
"""
INSERT = "INSERT INTO acct_bench.event (who) VALUES ('one');\n"
SELECT = f"""\
\\set tenant random(1, {TENANTS})
SELECT set_config('app.tenant_id', {TENANT_ID.format(':tenant')}, false);
SELECT {", ".join(ACCOUNTS.columns)} FROM acct_bench.accounts;
"""


@dataclass
class Load:
    """Transactions a second; milliseconds of one."""

    rate: float
    middle: float
    p99: float


def run(script: str, sessions: int, seconds: int) -> Load:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "script.sql")
        path.write_text(script)
        command = ["pgbench", "-n", "-c", str(sessions), "-j", "2", "-T", str(seconds), "-l"]
        command += ["--log-prefix", str(Path(directory, "log")), "-f", str(path)]
        environment = {**os.environ, "PGOPTIONS": ROLE}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        rate = re.search(r"^tps = ([0-9.]+)", done.stdout, re.MULTILINE)
        if done.returncode or not rate:
            raise SystemExit(f"pgbench failed: {done.stderr}")
        lines = (line.split() for log in Path(directory).glob("log*") for line in log.read_text().splitlines())
        took = sorted(int(line[2]) / 1000 for line in lines)
    return Load(float(rate.group(1)), median(took), took[int(len(took) * 0.99)])
