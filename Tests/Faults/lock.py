#!/usr/bin/env python3
"""Two runs in one folder: `make train` with the same NAME, while another one is under way.

The second must be refused with exit 75 (Make itself exits with 2, and says `Error 75`), and change nothing; the first
must end as if it had been alone, and then a third must find everything done.
"""

import re
import time

from campaign import Campaign, Lost, Missed, end_session, wait_until
from make_train import Project


def second_is_refused(project):
    def attempt(trial):
        project.lay_out(trial)
        first = trial.start(project.command(), env=project.environment(trial))
        try:
            if not wait_until(lambda: project.models(trial) or first.poll() is not None, 30):
                raise Lost("the first run did not begin")
            time.sleep(trial.random.random() * project.duration / 4)
            second = trial.run(project.command(), env=project.environment(trial))
            if first.poll() is not None:
                raise Missed
            if second.status != 75 and not re.search(r"\bError 75\b", second.message):
                raise Lost(f"the second run ended with status {second.status}, not 75: {second.message.strip()}")
            trial.outcome(first).need()
        finally:
            end_session(first.pid)
            first.communicate()
        project.expect_same(trial)
        trial.run(project.command(), env=project.environment(trial)).need()
        project.expect_same(trial)

    return attempt


def main():
    with Campaign(__doc__, tries=10) as campaign:
        project = Project(campaign, epochs=6)
        promise = "two `make train` with one NAME: the second gets exit 75, the first ends in the same bytes"
        campaign.row("train", promise, second_is_refused(project))


main()
