"""Networks to begin with: those of the lesson, and the chapter's cures one by one, each beside the network that it cures."""

from npdeep.teaching.play.settings import Settings

SICK = Settings()
HE = Settings(activation="relu", initializer="he_normal")
TODAY = Settings(
    depth=2, width=300, activation="relu", initializer="he_normal", normalization="batch", dropout=0.5, input_dropout=0.2,
    optimizer="adam", learning_rate=0.001,
)  # fmt: skip
TOY = Settings(data="spirals", depth=3, width=16, activation="tanh", initializer="glorot_uniform", optimizer="adam",
               learning_rate=0.01, batch_size=32)  # fmt: skip


def beside(cured: Settings, sick: Settings = SICK) -> tuple[Settings, Settings]:
    """Two networks, the sick one first.

    >>> beside(HE)[1].activation
    'relu'
    """
    return sick.changed("compare", True), cured.changed("compare", True)


def _changed(settings: Settings, **values: object) -> Settings:
    for name, value in values.items():
        settings = settings.changed(name, value)
    return settings


WILD = _changed(HE, initializer="random_normal", gain=0.3)

PRESETS: dict[str, tuple[Settings, Settings]] = {
    "lesson: logistic, N(0, 1)": (_changed(SICK, initializer="random_normal", outputs="random_normal"),) * 2,
    "lesson: logistic, Glorot": (SICK, SICK),
    "lesson: logistic, 4 × Glorot": (_changed(SICK, gain=4.0),) * 2,
    "lesson: ReLU, He": (HE, HE),
    "lesson: ELU, He, batch norm": (_changed(HE, activation="elu", normalization="batch"),) * 2,
    "lesson: as today (300 units)": (TODAY, TODAY),
    "cure: 4 × Glorot": beside(_changed(SICK, gain=4.0)),
    "cure: ReLU and He": beside(HE),
    "cure: batch normalization": beside(_changed(SICK, normalization="batch")),
    "cure: layer normalization": beside(_changed(SICK, normalization="layer")),
    "cure: residual connections": beside(_changed(SICK, residual=True)),
    "cure: Adam": beside(_changed(SICK, optimizer="adam", learning_rate=0.001)),
    "cure: clipping": beside(_changed(WILD, clipping=1.0), WILD),
    "cure: dropout": beside(_changed(HE, depth=3, dropout=0.3), _changed(HE, depth=3)),
    "plane: spirals": (TOY, TOY),
    "plane: xor": (_changed(TOY, data="xor", depth=1, width=4),) * 2,
    "plane: draw your own": (_changed(TOY, data="drawn", width=8, points="-0.5,-0.5,0;0.5,0.5,0;-0.5,0.5,1;0.5,-0.5,1"),) * 2,
}
