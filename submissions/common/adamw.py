"""AdamW with the hyperparameters that most submissions share."""

import torch


def adamw(submission, rate_factor=1.0):
    """Returns fused AdamW with the learning_rate (times `rate_factor`), beta1, beta2 and weight_decay of `submission.hp`.

    w <- w (1 - lr wd) - lr m_hat / (sqrt(v_hat) + 1e-8); no decay on norm gains, biases and scalars.
    """
    groups = submission.decay_groups(submission.hp.weight_decay)
    betas = (submission.hp.beta1, submission.hp.beta2)
    return torch.optim.AdamW(groups, rate_factor * submission.hp.learning_rate, betas, fused=True)
