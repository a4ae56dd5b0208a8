# ruff: noqa: E501
"""Ways to keep state. Each must go on bit by bit (`SAME`) or be refused with the attribute's name (`REFUSED`, with words of the message)."""

SETUP = "def setup(self):\n    super().setup()\n"
STEP = "def step(self, batch):\n    super().step(batch)\n"


def with_setup(*lines: str) -> str:
    """Methods whose setup has these lines more."""
    return SETUP + "".join(f"    {line}\n" for line in lines)


def with_step(*lines: str) -> str:
    """Methods whose step has these lines more; `self.count` is the number of the step."""
    return STEP + "".join(f"    {line}\n" for line in lines)


SCALE = "self.optimizer.param_groups[0]['lr'] = 0.02 / (1 + float({}))"

SAME = {
    "nothing": "pass",
    "list of parameters": with_setup("self.params = list(self.model.parameters())")
    + with_step("torch._foreach_mul_([p.data for p in self.params], 0.999)"),
    "dict of parameters by name": with_setup("self.named = dict(self.model.named_parameters())")
    + with_step("self.named['gain'].data.mul_(0.99)"),
    "set of parameters": with_setup("self.frozen = set()")
    + with_step("self.frozen.add(self.model.gain)", "[p.data.mul_(0.9) for p in self.frozen]"),
    "tuple of parameters": with_setup("self.pair = (self.model.gain, [self.model.head.weight])")
    + with_step("self.pair[0].data.mul_(0.99)", "self.pair[1][0].data.mul_(0.99)"),
    "a module": with_setup("self.part = self.model.wide") + with_step("self.part.weight.data.mul_(0.99)"),
    "optimizer in a list": with_setup("self.optimizers = [self.optimizer, torch.optim.Adam([self.model.gain], 0.01)]")
    + with_step("self.optimizers[1].step()"),
    "optimizer in a dict": with_setup("self.by_role = {'a': torch.optim.Adam([self.model.gain], 0.01)}")
    + with_step("self.by_role['a'].step()"),
    "schedules in a list": with_setup("self.schedules = [warmup_then_cosine(self.optimizer, 0.1, 30)]")
    + with_step("[s.step() for s in self.schedules]"),
    "optimizer replaced": with_step(
        "if self.count == 6:", "    self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=0.01, weight_decay=0.3)"
    ),
    "optimizer of its own class made late": "class Own(torch.optim.Optimizer):\n    def __init__(self, p):\n        super().__init__(p, {})\n"
    "        self.t = 0\n    @torch.no_grad()\n    def step(self):\n        self.t += 1\n        for p in self.param_groups[0]['params']:\n"
    "            p.sub_(0.01 / self.t * p.grad)\n# methods\n"
    + with_step("if self.count == 6:", "    self.optimizer = Own(self.model.parameters())"),
    "parameter group added": with_setup("self.optimizer = torch.optim.SGD([self.model.gain], lr=0.02, momentum=0.9)")
    + with_step("if self.count == 6:", "    self.optimizer.add_param_group({'params': [self.model.head.weight], 'lr': 0.1})"),
    "parameter group removed": with_setup(
        "self.optimizer = torch.optim.SGD([{'params': [self.model.gain]}, {'params': [self.model.head.weight]}], lr=0.02, momentum=0.9)"
    )
    + with_step("if self.count == 6:", "    del self.optimizer.param_groups[0]"),
    "schedule replaced": with_setup("self.schedule = warmup_then_linear(self.optimizer, 0.1, 30)")
    + with_step("if self.count == 6:", "    self.schedule = warmup_then_cosine(self.optimizer, 0.2, 20)"),
    "schedule with a local function": with_setup(
        "slope = 0.9", "self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, lambda t: slope**t)"
    ),
    "schedule with a local function made late": with_step(
        "if self.count == 6:",
        "    slope = 0.8",
        "    self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, lambda t: slope**t)",
    ),
    "bound method made late": "def halve(self):\n    self.optimizer.param_groups[0]['lr'] *= 0.9\n"
    + with_step("if self.count == 6:", "    self.action = self.halve", "getattr(self, 'action', int)()"),
    "partial": "def by(owner, factor):\n    owner.optimizer.param_groups[0]['lr'] *= factor\n# methods\n"
    + with_step("if self.count == 6:", "    self.action = functools.partial(by, self, factor=0.7)", "getattr(self, 'action', int)()"),
    "counter in a closure": with_setup("n = 0", "def tick():", "    nonlocal n", "    n += 1", "    return n", "self.tick = tick")
    + with_step(SCALE.format("self.tick()")),
    "default argument": "def remember(self, seen=[]):\n    seen.append(1)\n    return len(seen)\n"
    + with_step(SCALE.format("self.remember()")),
    "class attribute": "total = 0\n" + with_step("type(self).total += 1", SCALE.format("type(self).total")),
    "global number": "CALLS = 0\n# methods\n" + with_step("global CALLS", "CALLS += 1", SCALE.format("CALLS")),
    "global list": "CALLS = []\n# methods\n" + with_step("CALLS.append(1)", SCALE.format("len(CALLS)")),
    "attribute of a function": "def calls():\n    calls.n = getattr(calls, 'n', 0) + 1\n    return calls.n\n# methods\n"
    + with_step(SCALE.format("calls()")),
    "namedtuple": "Best = namedtuple('Best', 'step loss')\n# methods\n"
    + with_step("self.best = Best(self.count, 0.1)", SCALE.format("self.best.step")),
    "dataclass": "@dataclass\nclass Kept:\n    n: int = 0\n    trail: list = field(default_factory=list)\n# methods\n"
    + with_setup("self.kept = Kept()")
    + with_step("self.kept.n += 1", "self.kept.trail.append(self.kept.n)", SCALE.format("sum(self.kept.trail)")),
    "frozen dataclass as key": "@dataclass(frozen=True)\nclass Key:\n    name: str\n# methods\n"
    + with_setup("self.kept = {}")
    + with_step("self.kept[Key('a')] = self.kept.get(Key('a'), 0) + 1", SCALE.format("self.kept[Key('a')]")),
    "slots": "class Kept:\n    __slots__ = ('n', 'late')\n    def __init__(self):\n        self.n = 0\n# methods\n"
    + with_setup("self.kept = Kept()")
    + with_step("self.kept.n += 1", "self.kept.late = torch.ones(2)", SCALE.format("self.kept.n")),
    "dict subclass": "class Table(dict):\n    pass\n# methods\n"
    + with_setup("self.table = Table()")
    + with_step(
        "self.table.seen = getattr(self.table, 'seen', 0) + 1", "self.table['x'] = self.table.seen", SCALE.format("self.table['x']")
    ),
    "counter": with_setup("self.seen = Counter()") + with_step("self.seen.update('ab')", SCALE.format("self.seen.most_common(1)[0][1]")),
    "defaultdict": with_setup("self.seen = defaultdict(int)") + with_step("self.seen[self.count % 3] += 1", SCALE.format("self.seen[7]")),
    "defaultdict of lists": with_setup("self.seen = defaultdict(list)")
    + with_step("self.seen[self.count].append(1)", SCALE.format("len(self.seen)")),
    "ordered dict": with_setup("self.seen = OrderedDict(a=1, b=2, c=3)")
    + with_step("self.seen.move_to_end(next(iter(self.seen)))", SCALE.format("next(iter(self.seen.values()))")),
    "deque": with_setup("self.last = deque(maxlen=4)") + with_step("self.last.append(self.count)", SCALE.format("sum(self.last)")),
    "shared list": with_setup("self.a = []", "self.b = {'a': self.a}") + with_step("self.a.append(1)", SCALE.format("len(self.b['a'])")),
    "shared since setup": with_step(
        "if self.count == 4:",
        "    self.a = []",
        "    self.b = self.a",
        "if self.count > 4:",
        "    self.a.append(1)",
        "    " + SCALE.format("len(self.b)"),
    ),
    "no longer shared": with_setup("self.a = self.b = [1]")
    + with_step("if self.count == 4:", "    self.b = list(self.b)", "self.a.append(1)", SCALE.format("len(self.b)")),
    "cycle": with_setup("self.ring = [1]", "self.ring.append((self.ring,))")
    + with_step("self.ring[0] += 1", SCALE.format("self.ring[1][0][0]")),
    "reference to itself": with_setup("self.helper = types.SimpleNamespace(owner=self)")
    + with_step(SCALE.format("self.helper.owner.count")),
    "numpy scalar": with_step("self.rate = np.float32(0.1) * self.count", SCALE.format("self.rate")),
    "numpy scalar in a group": with_step("self.optimizer.param_groups[0]['lr'] = np.float64(0.02) / self.count"),
    "numpy array": with_setup("self.x = np.zeros(3)") + with_step("self.x += self.count", SCALE.format("self.x.sum()")),
    "transposed numpy array": with_setup("self.x = np.arange(6.0).reshape(2, 3).T")
    + with_step("self.x[0, 1] += 1", SCALE.format("self.x[0, 1]")),
    "numpy bool": with_step("self.late = np.bool_(self.count > 9)", SCALE.format("self.late")),
    "complex, bytes, range, slice": with_step(
        "self.odd = [complex(self.count, 1), b'ab', range(3), slice(1, None), ..., torch.float16, torch.Size([2]), self.device]",
        SCALE.format("self.odd[0].real"),
    ),
    "numbers that are not finite": with_setup("self.best, self.worst, self.none = math.inf, -math.inf, math.nan")
    + with_step("self.best = min(self.best, self.count)", SCALE.format("self.best if self.none != self.none else 9")),
    "large integers": with_setup("self.hash = 2**70")
    + with_step("self.hash = (self.hash * 31 + self.count) % 2**89", SCALE.format("self.hash % 7")),
    "enum": "import enum\nclass Phase(enum.Enum):\n    WARM = 1\n    COLD = 2\n# methods\n"
    + with_setup("self.phase = Phase.WARM")
    + with_step("if self.count > 6:", "    self.phase = Phase.COLD", SCALE.format("self.phase is Phase.COLD")),
    "random.Random": with_setup("self.dice = random.Random(1)") + with_step(SCALE.format("self.dice.random()")),
    "numpy generator": with_setup("self.dice = np.random.default_rng(1)") + with_step(SCALE.format("self.dice.random()")),
    "numpy random state": with_setup("self.dice = np.random.RandomState(1)") + with_step(SCALE.format("self.dice.rand()")),
    "torch generator made late": with_step(
        "if self.count == 3:",
        "    self.dice = torch.Generator().manual_seed(4)",
        "if self.count > 3:",
        "    " + SCALE.format("torch.rand((), generator=self.dice)"),
    ),
    "the given generator": with_step(SCALE.format("torch.rand((), generator=self.generator)")),
    "hp changed": with_step("self.hp.learning_rate *= 0.9", "self.optimizer.param_groups[0]['lr'] = self.hp.learning_rate"),
    "hp added": with_step("self.hp.extra = getattr(self.hp, 'extra', 0) + 1", SCALE.format("self.hp.extra")),
    "frozen parameter": with_step("if self.count == 6:", "    self.model.wide.weight.requires_grad_(False)"),
    "thawed parameter": with_setup("self.model.wide.weight.requires_grad_(False)")
    + with_step("if self.count == 6:", "    self.model.wide.weight.requires_grad_(True)"),
    "gradient left over": "def step(self, batch):\n    self.losses(batch).mean().backward()\n    self.optimizer.step()\n"
    "    for p in self.model.parameters():\n        p.grad.mul_(0.5)\n",
    "gradient of one is shared": "def step(self, batch):\n    self.losses(batch).mean().backward()\n    self.kept = self.model.gain.grad\n"
    "    self.optimizer.step()\n    self.kept.mul_(0.1)\n",
    "attribute of a parameter": with_setup("for p in self.model.parameters():", "    p.average = p.detach().clone()")
    + with_step("for p in self.model.parameters():", "    p.average.lerp_(p.detach(), 0.1)", "    p.data.lerp_(p.average, 0.1)"),
    "attribute of a module": with_step(
        "self.model.wide.calls = getattr(self.model.wide, 'calls', 0) + 1", SCALE.format("self.model.wide.calls")
    ),
    "hook on a tensor made late": with_step("if self.count == 6:", "    self.handle = self.model.gain.register_hook(lambda g: g * 0.5)"),
    "hook on a tensor removed": with_setup("self.handle = self.model.gain.register_hook(lambda g: g * 0.5)")
    + with_step("if self.count == 6:", "    self.handle.remove()"),
    "hook that counts": "def hook(self, grad):\n    self.calls += 1\n    return grad / self.calls\n"
    + with_setup("self.calls = 0", "self.model.gain.register_hook(self.hook)"),
    "hook on a module made late": with_step(
        "if self.count == 6:", "    self.handle = self.model.wide.register_forward_hook(lambda m, i, o: o * 0.5)"
    ),
    "hook with state in a closure": with_setup(
        "n = [0]", "def hook(g):", "    n[0] += 1", "    return g / n[0]", "self.model.gain.register_hook(hook)"
    ),
    "hook with an average in a closure": with_setup(
        "ema = torch.optim.swa_utils.AveragedModel(self.model)",
        "def hook(m, i, o):",
        "    ema.update_parameters(self.model)",
        "    return o + ema.module.gain.detach()",
        "self.model.wide.register_forward_hook(hook)",
    ),
    "hook on an optimizer": with_setup("self.optimizer.register_step_pre_hook(self.scale)")
    + "def scale(self, optimizer, args, kwargs):\n    optimizer.param_groups[0]['lr'] *= 0.99\n",
    "hook on an optimizer made late": with_step("if self.count == 6:", "    self.optimizer.register_step_post_hook(self.scale)")
    + "def scale(self, optimizer, args, kwargs):\n    self.model.gain.data.mul_(0.9)\n",
    "low precision state": with_setup("self.m = {p: torch.zeros_like(p, dtype=torch.bfloat16) for p in self.model.parameters()}")
    + with_step("for p, m in self.m.items():", "    m.mul_(0.9).add_(p.grad)", "    p.data.sub_(0.01 * m)"),
    "float64 state of an optimizer": with_step(
        "for state in self.optimizer.state.values():",
        "    state['momentum_buffer'] = state['momentum_buffer'].double().float()",
        "    state['exact'] = state['momentum_buffer'].double() / 3",
        SCALE.format("self.optimizer.state[self.model.gain]['exact']"),
    ),
    "quantised state": with_setup("self.q = torch.zeros(5, dtype=torch.int8)") + with_step("self.q += 1", SCALE.format("self.q.sum()")),
    "float8": with_setup("self.q = torch.zeros(5).to(torch.float8_e4m3fn)")
    + with_step("self.q = (self.q.float() + 1).to(torch.float8_e4m3fn)", SCALE.format("self.q.float().sum()")),
    "by id of parameter": with_setup("self.m = {}")
    + with_step(
        "for p in self.model.parameters():", "    self.m[id(p)] = self.m.get(id(p), 0) + 1", SCALE.format("self.m[id(self.model.gain)]")
    ),
    "set of ids": with_setup("self.slow = {id(self.model.gain)}")
    + with_step("for p in self.model.parameters():", "    p.data.mul_(0.9 if id(p) in self.slow else 1.0)"),
    "by data_ptr": with_setup("self.m = {p.data_ptr(): 0 for p in self.model.parameters()}")
    + with_step("self.m[self.model.gain.data_ptr()] += 1", SCALE.format("self.m[self.model.gain.data_ptr()]")),
    "by tuple of id and name": with_setup("self.m = {}")
    + with_step("key = (id(self.model.gain), 'x')", "self.m[key] = self.m.get(key, 0) + 1", SCALE.format("self.m[key]")),
    "by module": with_setup("self.m = {}")
    + with_step("self.m[self.model.wide] = self.m.get(self.model.wide, 0) + 1", SCALE.format("self.m[self.model.wide]")),
    "weak references": with_setup("self.m = weakref.WeakKeyDictionary()", "self.m[self.model.wide] = 0")
    + with_step("self.m[self.model.wide] += 1", SCALE.format("self.m[self.model.wide]")),
    "view of a tensor": with_setup("self.whole = torch.zeros(6)", "self.half = self.whole[:3]")
    + with_step("self.half += 1", SCALE.format("self.whole.sum()")),
    "view made late": with_setup("self.whole = torch.zeros(6)")
    + with_step(
        "if self.count == 4:",
        "    self.half = self.whole[1:4]",
        "if self.count > 4:",
        "    self.half += 1",
        SCALE.format("self.whole.sum()"),
    ),
    "data of parameters": with_setup("self.data = [p.data for p in self.model.parameters()]") + with_step("self.data[0].mul_(0.99)"),
    "differentiable view of a parameter": with_setup("self.flat = self.model.wide.weight.view(-1)")
    + with_step("with torch.no_grad():", "    self.flat.mul_(0.99)"),
    "flat parameters": with_setup(
        "ps = list(self.model.parameters())",
        "self.flat = torch.cat([p.data.flatten() for p in ps])",
        "i = 0",
        "for p in ps:",
        "    p.data = self.flat[i : i + p.numel()].view_as(p)",
        "    i += p.numel()",
    )
    + with_step("self.flat.mul_(0.999)"),
    "flat parameters made late": with_step(
        "if self.count == 6:",
        "    ps = list(self.model.parameters())",
        "    self.flat = torch.cat([p.data.flatten() for p in ps])",
        "    i = 0",
        "    for p in ps:",
        "        p.data = self.flat[i : i + p.numel()].view_as(p)",
        "        i += p.numel()",
        "if self.count > 6:",
        "    self.flat.mul_(0.99)",
    ),
    "channels last": with_setup("self.model.conv.weight.data = self.model.conv.weight.data.to(memory_format=torch.channels_last)"),
    "channels last made late": with_step(
        "if self.count == 6:", "    self.model.conv.weight.data = self.model.conv.weight.data.to(memory_format=torch.channels_last)"
    ),
    "expanded tensor": with_setup("self.one = torch.ones(1)", "self.many = self.one.expand(4)")
    + with_step("self.one += 1", SCALE.format("self.many.sum()")),
    "learnt scalar": with_setup("self.scale = nn.Parameter(torch.ones(()))", "self.meta = torch.optim.SGD([self.scale], lr=0.1)")
    + with_step("(self.scale - self.count).square().backward()", "self.meta.step()", SCALE.format("self.scale.abs()")),
    "own network": with_setup(
        "self.net = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))",
        "self.net_optimizer = torch.optim.Adam(self.net.parameters())",
    )
    + with_step(
        "self.net_optimizer.zero_grad()",
        "self.net(torch.ones(2)).square().backward()",
        "self.net_optimizer.step()",
        SCALE.format("self.net(torch.ones(2)).abs()"),
    ),
    "own network made late": with_step(
        "if self.count == 5:",
        "    self.net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))",
        "if self.count > 5:",
        "    " + SCALE.format("self.net(torch.ones(4, 2)).abs().sum()"),
    ),
    "gradient scaler": with_setup("self.scaler = torch.amp.GradScaler('cpu', init_scale=4.0, growth_interval=3)")
    + "def step(self, batch):\n    self.optimizer.zero_grad()\n    self.scaler.scale(self.losses(batch).mean()).backward()\n"
    "    self.scaler.step(self.optimizer)\n    self.scaler.update()\n    self.optimizer.param_groups[0]['lr'] = 0.01 / self.scaler.get_scale()\n",
    "rate as a tensor": with_setup(
        "self.optimizer = torch.optim.Adam(self.model.parameters(), lr=torch.tensor(0.02), capturable=False, foreach=False)"
    )
    + with_step("self.optimizer.param_groups[0]['lr'].mul_(0.95)"),
    "growing history": with_setup("self.losses_seen = []")
    + "def on_eval(self, evaluation):\n    self.losses_seen.append(evaluation.loss)\n"
    "    self.optimizer.param_groups[0]['lr'] = 0.01 / len(self.losses_seen)\n",
    "evaluation kept": "best = None\ndef on_eval(self, evaluation):\n    self.best = min(self.best or evaluation, evaluation, key=lambda e: e.loss)\n"
    "    self.optimizer.param_groups[0]['lr'] = 0.001 * self.best.loss\n",
    "stream kept": "def select(self, stream):\n    self.stream = stream\n    return stream.next(8 + self.stream.examples % 8)\n",
    "attribute removed": with_setup("self.warm = True")
    + with_step("if self.count == 6:", "    del self.warm", SCALE.format("hasattr(self, 'warm')")),
    "attribute None": with_setup("self.extra = torch.ones(2)")
    + with_step("if self.count == 6:", "    self.extra = None", SCALE.format("self.extra is None")),
    "tensor of another shape": with_setup("self.buffer = torch.zeros(0)")
    + with_step("self.buffer = torch.cat([self.buffer, torch.ones(1)])", SCALE.format("self.buffer.sum()")),
    "scalar tensor": with_setup("self.t = torch.tensor(0)") + with_step("self.t += 1", SCALE.format("self.t")),
    "setting of torch changed": with_step(
        "if self.count == 6:",
        "    torch.set_float32_matmul_precision('medium')",
        SCALE.format("torch.get_float32_matmul_precision() == 'medium'"),
    ),
    "given function wrapped": with_step(
        "if self.count == 6:", "    given = self.losses", "    self.losses = lambda batch: 0.5 * given(batch)"
    ),
    "own class made late": "class Helper:\n    def __init__(self):\n        self.n = 0\n    def tick(self):\n        self.n += 1\n        return self.n\n"
    "# methods\n"
    + with_step("if self.count == 4:", "    self.helper = Helper()", "if self.count >= 4:", "    " + SCALE.format("self.helper.tick()")),
    "overrides state_dict": with_setup("self.it = itertools.count()", "self.n = 0")
    + with_step("self.n = next(self.it) + 1", SCALE.format("self.n"))
    + "def state_dict(self):\n    it, self.it = self.it, None\n    state = {**super().state_dict(), 'it': self.n}\n    self.it = it\n    return state\n"
    "def load_state_dict(self, state):\n    super().load_state_dict(state)\n    self.it = itertools.count(state['it'])\n",
    "overrides state_dict by hand": "def state_dict(self):\n    return {'o': self.optimizer.state_dict(), 'count': self.count}\n"
    "def load_state_dict(self, state):\n    self.optimizer.load_state_dict(state['o'])\n    self.count = state['count']\n",
}

REFUSED = {
    "generator function": (
        with_setup("self.rates = (0.02 / i for i in range(1, 99))") + with_step("self.optimizer.param_groups[0]['lr'] = next(self.rates)"),
        r"self\.rates is a generator",
    ),
    "iterator": (
        with_setup("self.rates = itertools.cycle([0.01, 0.02])") + with_step("self.optimizer.param_groups[0]['lr'] = next(self.rates)"),
        r"self\.rates is a cycle",
    ),
    "in a list in a dict": (with_setup("self.parts = {'a': [1, object()]}"), r"self\.parts\[a\]\[1\] is a object"),
    "in an object": (with_setup("self.helper = types.SimpleNamespace(file=open('/dev/null'))"), r"self\.helper\.file is a TextIOWrapper"),
    "graph kept for later": (
        "def step(self, batch):\n    self.total = getattr(self, 'total', 0) + self.losses(batch).mean()\n    self.count += 1\n"
        "    if self.count % 4 == 0:\n        self.total.backward()\n        self.optimizer.step()\n        self.optimizer.zero_grad()\n        self.total = 0\n",
        r"self\.total is a tensor with an autograd graph",
    ),
    "differentiable view made late": (
        with_step("if self.count == 3:", "    self.flat = self.model.wide.weight.view(-1)"),
        r"self\.flat is a differentiable view that was made after setup",
    ),
    "numpy view of a tensor": (
        with_setup("self.t = torch.zeros(3)", "self.a = self.t.numpy()") + with_step("self.a += 1"),
        r"self\.(t and self\.a|a and self\.t) share memory",
    ),
    "sparse tensor": (with_setup("self.s = torch.eye(3).to_sparse()"), r"self\.s is a tensor of a kind"),
    "array of objects": (with_setup("self.a = np.array([None, 1], dtype=object)"), r"self\.a is a ndarray of object"),
    "compiled late": (
        "def twice(x):\n    return 2 * x\n# methods\n"
        + with_step("if self.count == 3:", "    self.twice = torch.compile(twice, backend='eager')"),
        r"self\.twice is a .* made after setup",
    ),
    "class made late": (
        with_step("if self.count == 3:", "    class Local:", "        pass", "    self.local = Local()"),
        r"self\.local.*Local",
    ),
    "override forgets": (
        with_step("self.extra = self.count", SCALE.format("self.extra"))
        + "def state_dict(self):\n    return {'o': self.optimizer.state_dict(), 'count': self.count}\n"
        "def load_state_dict(self, state):\n    self.optimizer.load_state_dict(state['o'])\n    self.count = state['count']\n",
        r"self\.extra",
    ),
    "override forgets a counter": (
        "def state_dict(self):\n    return {'o': self.optimizer.state_dict()}\n"
        "def load_state_dict(self, state):\n    self.optimizer.load_state_dict(state['o'])\n",
        r"self\.count",
    ),
}
