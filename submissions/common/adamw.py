"""AdamW with the hyperparameters that most submissions share."""

import torch


def adamw(submission, rate_factor=1.0):
    """Returns fused AdamW with the learning_rate (times `rate_factor`), beta1, beta2 and weight_decay of `submission.hp`.

    w <- w (1 - lr wd) - lr m_hat / (sqrt(v_hat) + 1e-8); no decay on norm gains, biases and scalars.
    """
    hp = submission.hp
    groups = submission.decay_groups(hp.weight_decay)
    return torch.optim.AdamW(groups, rate_factor * hp.learning_rate, (hp.beta1, hp.beta2), fused=True)
