"""Schedule-Free SGD."""

from submissions.common.schedule_free import ScheduleFree, ScheduleFreeSubmission


class ScheduleFreeSGD(ScheduleFree):
    """The direction is the gradient."""

    def direction(self, g, state, group):
        return g


class SGDWithoutSchedule(ScheduleFreeSubmission):
    """Schedule-Free SGD after a linear warm-up."""

    def setup(self):
        hp = self.hp
        self.start(ScheduleFreeSGD(self.decay_groups(hp.weight_decay), hp.learning_rate, 0.0, hp.beta))
