"""The clock counts what DESIGN.md says and nothing else. Sleeps are long against the noise of a busy machine: 1.5 s."""

import pytest

from tests.conftest import World

SLEEP_S = 1.5

ON_THE_CLOCK = {
    "setup": """
        def setup(self):
            import time
            super().setup()
            time.sleep(1.5)
    """,
    "select": """
        def select(self, stream):
            import time
            if stream.examples == 16:
                time.sleep(1.5)
            return super().select(stream)
    """,
    "step": """
        def step(self, batch):
            import time
            super().step(batch)
            self.count = getattr(self, "count", 0) + 1
            if self.count == 3:
                time.sleep(1.5)
    """,
    "entering eval_weights": """
        @__import__("contextlib").contextmanager
        def eval_weights(self):
            import time
            self.entered = getattr(self, "entered", 0) + 1
            if self.entered == 2:
                time.sleep(1.5)
            yield
    """,
    "leaving eval_weights": """
        @__import__("contextlib").contextmanager
        def eval_weights(self):
            import time
            yield
            self.left = getattr(self, "left", 0) + 1
            if self.left == 2:
                time.sleep(1.5)
    """,
    "on_eval": """
        def on_eval(self, evaluation):
            import time
            self.told = getattr(self, "told", 0) + 1
            if self.told == 1:
                time.sleep(1.5)
    """,
}


@pytest.mark.parametrize("part", ON_THE_CLOCK)
def test_what_the_submission_does_is_on_the_clock(world: World, part: str) -> None:
    outcome = world.run(ON_THE_CLOCK[part], budget_s=3.0, target=0.05)
    record = outcome.record
    assert record.verdict == "reached", record.reason
    assert record.time_s >= SLEEP_S
    assert record.wall_s >= record.time_s + record.startup_s


def test_evaluation_start_up_and_checkpoints_are_off_the_clock(world: World) -> None:
    outcome = world.run(data={"evaluation_sleeps_s": 0.7}, budget_s=2.0, target=0.05)
    record = outcome.record
    assert record.verdict == "reached", record.reason
    assert record.reached is not None
    assert record.reached.evaluation >= 2
    assert record.evaluation_s >= 0.7 * 3
    assert record.time_s < record.evaluation_s
    parts = record.time_s + record.startup_s + record.checkpoint_s + record.evaluation_s
    assert parts == pytest.approx(record.wall_s, abs=0.02)


def test_background_work_does_not_go_on_while_the_clock_stands(world: World) -> None:
    """A thread and a detached child count seconds awake; the evaluations (3 s in all) must not be among them."""
    code = """
        def setup(self):
            import subprocess, sys, threading
            super().setup()
            tick = "import time\\nn = 0\\nwhile True:\\n time.sleep(0.05)\\n n += 1\\n open('child', 'w').write(str(n))"
            subprocess.Popen([sys.executable, "-c", tick], start_new_session=True)
            threading.Thread(target=self.tick, daemon=True).start()

        def tick(self):
            import time
            n = 0
            while True:
                time.sleep(0.05)
                n += 1
                open("thread", "w").write(str(n))

        def step(self, batch):
            super().step(batch)
            print("ticks", *(open(name).read() or 0 for name in ("thread", "child") if __import__("os").path.exists(name)))
    """
    outcome = world.run(code, data={"evaluation_sleeps_s": 1.0}, target=0.12, budget_s=20.0)
    assert outcome.record.verdict == "reached", outcome.record.reason
    assert outcome.record.evaluation_s >= 3
    awake_s = outcome.record.time_s + outcome.record.checkpoint_s + 0.5
    last = (outcome.folder / "log.txt").read_text().strip().splitlines()[-1].split()[1:]
    assert last
    assert all(int(n) * 0.05 <= awake_s for n in last)


def test_the_garbage_collector_works_and_leaves_alone_what_was_there_before(world: World) -> None:
    code = """
    def setup(self):
        import gc
        super().setup()
        assert gc.isenabled()
        assert gc.get_freeze_count() > 100_000
        assert len(gc.get_objects()) < 0.1 * gc.get_freeze_count()
    """
    outcome = world.run(code, target=0.05)
    assert outcome.record.verdict == "reached", outcome.record.reason
