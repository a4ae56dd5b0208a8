# ruff: noqa: E501
"""Small submissions, each of which keeps its state in another way; all of them must go on bit by bit from any step."""

ALGORITHMS = {
    "schedule-free": """
class ScheduleFree(torch.optim.Optimizer):
    def __init__(self, params, lr, beta=0.9):
        super().__init__(params, {"lr": lr, "beta": beta, "k": 0, "mode": "train"})
    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            group["k"] += 1
            for p in group["params"]:
                state = self.state[p]
                if "z" not in state:
                    state["z"], state["x"] = p.clone(), p.clone()
                state["z"].sub_(p.grad, alpha=group["lr"])
                state["x"].lerp_(state["z"], 1 / group["k"])
                p.copy_(torch.lerp(state["z"], state["x"], group["beta"]))

class Mine(Submission):
    def setup(self):
        self.optimizer = ScheduleFree(self.model.parameters(), self.hp.learning_rate)
    @contextmanager
    def eval_weights(self):
        kept = [p.detach().clone() for p in self.model.parameters()]
        with torch.no_grad():
            for p in self.model.parameters():
                if p in self.optimizer.state:
                    p.copy_(self.optimizer.state[p]["x"])
            yield
            for p, k in zip(self.model.parameters(), kept):
                p.copy_(k)
""",
    "muon with flattened convolutions": """
class Mine(Submission):
    def setup(self):
        self.matrices = [p for n, p in self.model.named_parameters() if self.roles[n] in ("hidden", "conv")]
        self.flat = [p.data.view(len(p), -1) for p in self.matrices]
        self.momentum = [torch.zeros_like(f) for f in self.flat]
        others = [p for p in self.model.parameters() if not any(p is m for m in self.matrices)]
        self.optimizer = torch.optim.AdamW(others, lr=self.hp.learning_rate)
    def step(self, batch):
        self.model.zero_grad()
        self.losses(batch).mean().backward()
        for f, m, p in zip(self.flat, self.momentum, self.matrices):
            m.mul_(0.9).add_(p.grad.view_as(m))
            f.sub_(m / (m.norm() + 1e-7), alpha=self.hp.learning_rate)
        self.optimizer.step()
""",
    "sam": """
class SAM:
    def __init__(self, base, rho):
        self.base, self.rho, self.param_groups = base, rho, base.param_groups
        self.kept = {}
    @torch.no_grad()
    def up(self):
        norm = torch.stack([p.grad.norm() for g in self.param_groups for p in g["params"]]).norm()
        for g in self.param_groups:
            for p in g["params"]:
                self.kept[p] = p.detach().clone()
                p.add_(p.grad, alpha=float(self.rho / (norm + 1e-12)))
    @torch.no_grad()
    def down(self):
        for g in self.param_groups:
            for p in g["params"]:
                p.copy_(self.kept[p])
        self.base.step()

class Mine(Submission):
    def setup(self):
        self.optimizer = SAM(torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9), 0.05)
    def step(self, batch):
        for pass_ in (self.optimizer.up, self.optimizer.down):
            self.model.zero_grad()
            self.losses(batch).mean().backward()
            pass_()
""",
    "l-bfgs": """
class Mine(Submission):
    def setup(self):
        self.optimizer = torch.optim.LBFGS(self.model.parameters(), lr=0.1, max_iter=2, history_size=4, line_search_fn="strong_wolfe")
    def step(self, batch):
        def closure():
            self.optimizer.zero_grad()
            loss = self.losses(batch).mean()
            loss.backward()
            return loss
        self.optimizer.step(closure)
""",
    "ema of the whole model": """
class Mine(Submission):
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)
        self.ema = torch.optim.swa_utils.AveragedModel(self.model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9))
    def step(self, batch):
        super().step(batch)
        self.ema.update_parameters(self.model)
        if self.ema.n_averaged % 5 == 0:
            with torch.no_grad():
                for p, e in zip(self.model.parameters(), self.ema.module.parameters()):
                    p.lerp_(e, 0.5)
""",
    "ema made late": """
class Mine(Submission):
    ema = None
    count = 0
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)
    def step(self, batch):
        super().step(batch)
        self.count += 1
        if self.count == 5:
            self.ema = copy.deepcopy(self.model)
        if self.ema is not None:
            with torch.no_grad():
                for p, e in zip(self.model.parameters(), self.ema.parameters()):
                    e.lerp_(p, 0.1)
                    p.lerp_(e, 0.1)
""",
    "lawa": """
class Mine(Submission):
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)
        self.window, self.count = deque(maxlen=3), 0
    def step(self, batch):
        super().step(batch)
        self.count += 1
        if self.count % 4 == 0:
            self.window.append({n: p.detach().clone() for n, p in self.model.named_parameters()})
        if self.count % 10 == 0:
            with torch.no_grad():
                for n, p in self.model.named_parameters():
                    p.copy_(torch.stack([w[n] for w in self.window]).mean(0))
""",
    "batch ramp": """
class Mine(Submission):
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate)
        self.size, self.seen = 4, 0
    def select(self, stream):
        self.stream = stream
        if self.seen and self.seen % 6 == 0:
            self.size *= 2
            stream.batch_size = self.size
        self.seen += 1
        return stream.next(self.size if self.seen % 2 else None)
""",
    "infobatch": """
class Mine(Submission):
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate)
        self.scores = defaultdict(lambda: 1.0)
        self.weights = None
    def select(self, stream):
        ids = stream.next_ids(32)
        mean = sum(self.scores[i] for i in ids.tolist()) / 32
        keep = torch.tensor([self.scores[i] >= mean or torch.rand((), generator=self.generator).item() < 0.5 for i in ids.tolist()])
        keep[:2] = True
        self.weights = 1.0 + (~keep).float().mean()
        return stream.take(ids[keep])
    def step(self, batch):
        self.optimizer.zero_grad()
        losses = self.losses(batch)
        self.scores.update(zip(batch.ids.tolist(), losses.detach().tolist()))
        (self.weights * losses.mean()).backward()
        self.optimizer.step()
""",
    "accumulation": """
class Mine(Submission):
    def setup(self):
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=self.hp.learning_rate)
        self.schedule = warmup_then_linear(self.optimizer, 0.1, 10)
        self.seen = 0
    def step(self, batch):
        (self.losses(batch).mean() / 4).backward()
        self.seen += 1
        if self.seen % 4 == 0:
            self.optimizer.step()
            self.optimizer.zero_grad()
            self.schedule.step()
""",
    "accumulation in a flat gradient": """
class Mine(Submission):
    def setup(self):
        params = list(self.model.parameters())
        self.flat = torch.zeros(sum(p.numel() for p in params))
        place = 0
        for p in params:
            p.grad = self.flat[place : place + p.numel()].view_as(p)
            place += p.numel()
        self.seen = 0
    def step(self, batch):
        self.losses(batch).mean().backward()
        self.seen += 1
        if self.seen % 3 == 0:
            self.flat.mul_(1 / (1 + self.flat.norm()))
            with torch.no_grad():
                for p in self.model.parameters():
                    p.sub_(self.hp.learning_rate * p.grad)
            self.flat.zero_()
""",
    "sophia-g": """
class Mine(Submission):
    def setup(self):
        self.m = {n: torch.zeros_like(p) for n, p in self.model.named_parameters()}
        self.h = {n: torch.zeros_like(p) for n, p in self.model.named_parameters()}
        self.t = 0
    def step(self, batch):
        self.model.zero_grad()
        self.losses(batch).mean().backward()
        self.t += 1
        with torch.no_grad():
            for n, p in self.model.named_parameters():
                if self.t % 5 == 1:
                    self.h[n] = 0.9 * self.h[n] + 0.1 * p.grad.square() * len(batch.targets)
                self.m[n].lerp_(p.grad, 0.1)
                p.sub_((self.m[n] / self.h[n].clamp(min=1e-3)).clamp(-1, 1), alpha=self.hp.learning_rate)
""",
    "prodigy": """
class Prodigy(torch.optim.Optimizer):
    def __init__(self, params):
        super().__init__(params, dict(lr=1.0, d=1e-3, d0=1e-3, d_numerator=0.0, k=0))
    @torch.no_grad()
    def step(self):
        group = self.param_groups[0]
        d, numerator, denominator = group["d"], group["d_numerator"] * 0.99, 0.0
        for p in group["params"]:
            state = self.state[p]
            if not state:
                state.update(p0=p.flatten()[::3].clone(), s=torch.zeros_like(p.flatten()[::3]), m=torch.zeros_like(p))
            sliced = p.grad.flatten()[::3]
            numerator += d * torch.dot(sliced, state["p0"] - p.flatten()[::3]).item()
            state["s"].mul_(0.99).add_(sliced, alpha=d)
            denominator += state["s"].abs().sum().item()
            state["m"].lerp_(p.grad, 0.1)
        group["d_numerator"] = numerator
        group["d"] = max(d, numerator / max(denominator, 1e-8))
        group["k"] += 1
        for p in group["params"]:
            p.sub_(self.state[p]["m"].sign(), alpha=min(group["d"], 0.01))

class Mine(Submission):
    def setup(self):
        self.optimizer = Prodigy(self.model.parameters())
""",
    "plateau": """
class Mine(SGD):
    def setup(self):
        super().setup()
        self.plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(self.optimizer, patience=0, factor=0.5, threshold=0.3)
    def on_eval(self, evaluation):
        self.plateau.step(evaluation.loss)
""",
    "soap": """
class SOAP(torch.optim.Optimizer):
    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})
    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                if "GG" not in state:
                    state["GG"] = [torch.zeros(n, n) for n in p.shape] if p.ndim == 2 else [None]
                    state["Q"], state["step"], state["v"] = None, 0, torch.zeros_like(p)
                state["step"] += 1
                g = p.grad
                if p.ndim == 2:
                    state["GG"][0].lerp_(g @ g.T, 0.1)
                    state["GG"][1].lerp_(g.T @ g, 0.1)
                    if state["Q"] is None or state["step"] % 6 == 0:
                        state["Q"] = [torch.linalg.eigh(m + 1e-6 * torch.eye(len(m)))[1] for m in state["GG"]]
                    g = state["Q"][0].T @ g @ state["Q"][1]
                state["v"].mul_(0.9).addcmul_(g, g, value=0.1)
                g = g / (state["v"].sqrt() + 1e-8)
                p.sub_(state["Q"][0] @ g @ state["Q"][1].T if p.ndim == 2 else g, alpha=group["lr"])

class Mine(Submission):
    def setup(self):
        self.optimizer = SOAP(self.model.parameters(), 0.1 * self.hp.learning_rate)
""",
    "compile": """
def update(ps, gs, ms, lr):
    for p, g, m in zip(ps, gs, ms):
        m.mul_(0.9).add_(g)
        p.sub_(lr * m)

class Mine(Submission):
    def setup(self):
        self.params = list(self.model.parameters())
        self.momentum = [torch.zeros_like(p) for p in self.params]
        self.update = torch.compile(update, backend="eager")
        self.lr = self.hp.learning_rate
    def step(self, batch):
        self.model.zero_grad()
        self.losses(batch).mean().backward()
        with torch.no_grad():
            self.update([p.data for p in self.params], [p.grad for p in self.params], self.momentum, self.lr)
        self.lr *= 0.99
""",
    "optimizer in backward": """
class Mine(Submission):
    def setup(self):
        self.optimizers = {p: torch.optim.Adam([p], lr=self.hp.learning_rate) for p in self.model.parameters()}
        self.schedules = [warmup_then_cosine(o, 0.1, 30) for o in self.optimizers.values()]
        def hook(p):
            self.optimizers[p].step()
            self.optimizers[p].zero_grad()
        self.handles = [p.register_post_accumulate_grad_hook(hook) for p in self.model.parameters()]
    def step(self, batch):
        self.losses(batch).mean().backward()
        for schedule in self.schedules:
            schedule.step()
""",
    "layer-wise decay": """
class Mine(Submission):
    def setup(self):
        groups = [{"params": [p], "lr": self.hp.learning_rate * 0.9**i, "name": n} for i, (n, p) in enumerate(self.model.named_parameters())]
        self.optimizer = torch.optim.AdamW(groups)
        self.schedule = torch.optim.lr_scheduler.SequentialLR(
            self.optimizer,
            [torch.optim.lr_scheduler.LinearLR(self.optimizer, 0.1, 1.0, 5), torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, 25)],
            [5],
        )
""",
    "adam-mini": """
class Mine(Submission):
    def setup(self):
        self.optimizer = None
        self.m, self.v, self.t = {}, {}, 0
    def step(self, batch):
        self.model.zero_grad()
        self.losses(batch).mean().backward()
        self.t += 1
        with torch.no_grad():
            for p in self.model.parameters():
                key = id(p)
                if key not in self.m:
                    self.m[key], self.v[key] = torch.zeros_like(p), torch.zeros(())
                self.m[key].lerp_(p.grad, 0.1)
                self.v[key] = 0.95 * self.v[key] + 0.05 * p.grad.square().mean()
                p.sub_(self.hp.learning_rate * self.m[key] / (self.v[key] / (1 - 0.95**self.t)).sqrt().add(1e-8))
""",
    "diloco": """
class Mine(Submission):
    def setup(self):
        params = list(self.model.parameters())
        self.outer = [p.detach().clone().requires_grad_(True) for p in params]
        self.inner_optimizer = torch.optim.AdamW(params, lr=self.hp.learning_rate)
        self.outer_optimizer = torch.optim.SGD(self.outer, lr=0.7, momentum=0.9, nesterov=True)
        self.optimizer, self.count = self.inner_optimizer, 0
    def step(self, batch):
        super().step(batch)
        self.count += 1
        if self.count % 5 == 0:
            for o, p in zip(self.outer, self.model.parameters()):
                o.grad = o.detach() - p.detach()
            self.outer_optimizer.step()
            with torch.no_grad():
                for o, p in zip(self.outer, self.model.parameters()):
                    p.copy_(o)
""",
    "freezing and stochastic depth": """
class Mine(Submission):
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)
        self.count, self.dice, self.frozen = 0, random.Random(3), set()
        self.handle = self.model.wide.register_forward_hook(self.drop)
    def drop(self, module, inputs, output):
        return output * (self.dice.random() > 0.2 * self.count / 30)
    def step(self, batch):
        super().step(batch)
        self.count += 1
        if self.count == 9:
            self.model.embedding.weight.requires_grad_(False)
            self.frozen.add(self.model.embedding.weight)
        if self.count == 17:
            self.handle.remove()
""",
    "line search": """
class Mine(Submission):
    def setup(self):
        self.rate, self.trail = 1.0, []
    def step(self, batch):
        self.model.zero_grad()
        loss = self.losses(batch).mean()
        loss.backward()
        kept = [p.detach().clone() for p in self.model.parameters()]
        slope = sum(p.grad.square().sum() for p in self.model.parameters())
        self.rate *= 1.5
        with torch.no_grad():
            for _ in range(8):
                for p, k in zip(self.model.parameters(), kept):
                    p.copy_(k - self.rate * p.grad)
                if self.losses(batch).mean() <= loss - 0.1 * self.rate * slope:
                    break
                self.rate *= 0.5
        self.trail.append((self.rate, float(loss)))
        self.last = batch
""",
}
