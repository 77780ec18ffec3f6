"""Right solutions of the exercises, at least three of each, written as differently as students write."""

import math

import numpy as np

RIGHT = {}


def right(function):
    """One more right solution: its name begins with that of the exercise, and ends in a number."""
    RIGHT.setdefault(function.__name__.rpartition("_")[0], []).append(function)
    return function


# ── affine ────────────────────────────────────────────────────────────────────────────────────────────────────────────
@right
def affine_forward_1(x, W, b):
    return x @ W + b


@right
def affine_forward_2(x, W, b):
    z = np.zeros((x.shape[0], W.shape[1]))
    for i in range(x.shape[0]):
        for j in range(W.shape[1]):
            z[i, j] = sum(x[i, k] * W[k, j] for k in range(x.shape[1])) + b[j]
    return z


@right
def affine_forward_3(x, W, b):
    return np.einsum("ik,kj->ij", x, W) + b.reshape(1, -1)


@right
def affine_backward_1(x, W, dz):
    return x.T @ dz, dz.sum(axis=0), dz @ W.T


@right
def affine_backward_2(x, W, dz):
    dW, db, dx = np.zeros(W.shape), np.zeros(W.shape[1]), np.zeros(x.shape)
    for i in range(len(x)):
        dW += np.outer(x[i], dz[i])
        db += dz[i]
        dx[i] = W @ dz[i]
    return [dW, db, dx]


@right
def affine_backward_3(x, W, dz):
    return np.einsum("ik,ij->kj", x, dz), np.ones(len(dz)) @ dz, (W @ dz.T).T


# ── activations ───────────────────────────────────────────────────────────────────────────────────────────────────────
@right
def relu_forward_1(z):
    return np.maximum(z, 0)


@right
def relu_forward_2(z):
    return z * (z > 0)


@right
def relu_forward_3(z):
    a = z.copy()
    a[a < 0] = 0
    return a


@right
def relu_forward_4(z):
    return np.array([[max(0.0, element) for element in row] for row in z])


@right
def relu_backward_1(z, da):
    return da * (z > 0)


@right
def relu_backward_2(z, da):
    return np.where(z >= 0, da, 0)


@right
def relu_backward_3(z, da):
    dz = np.array(da, copy=True)
    dz[z <= 0] = 0
    return dz


@right
def leaky_relu_backward_1(z, da, alpha):
    return np.where(z > 0, da, alpha * da)


@right
def leaky_relu_backward_2(z, da, alpha):
    slope = np.ones_like(z)
    slope[z < 0] = alpha
    return slope * da


@right
def leaky_relu_backward_3(z, da, alpha):
    return da * ((z > 0) + alpha * (z <= 0))


@right
def elu_forward_1(z, alpha):
    return np.where(z > 0, z, alpha * (np.exp(np.minimum(z, 0)) - 1))


@right
def elu_forward_2(z, alpha):
    a = z.copy()
    a[z < 0] = alpha * np.expm1(z[z < 0])
    return a


@right
def elu_forward_3(z, alpha):
    return np.array([[v if v > 0 else alpha * (math.exp(v) - 1) for v in row] for row in z])


@right
def elu_forward_4(z, alpha):
    return np.where(z > 0, z, alpha * (np.exp(z) - 1))


@right
def elu_backward_1(z, da, alpha):
    return da * np.where(z > 0, 1, alpha * np.exp(np.minimum(z, 0)))


@right
def elu_backward_2(z, da, alpha):
    a = np.maximum(z, 0) + alpha * np.expm1(np.minimum(z, 0))
    return np.where(z > 0, da, da * (a + alpha))


@right
def elu_backward_3(z, da, alpha):
    dz = da.copy()
    left = z <= 0
    dz[left] *= alpha * np.exp(z[left])
    return dz


@right
def logistic_forward_1(z):
    return 1 / (1 + np.exp(-z))


@right
def logistic_forward_2(z):
    return 0.5 * (1 + np.tanh(z / 2))


@right
def logistic_forward_3(z):
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1 / (1 + e), e / (1 + e))


@right
def logistic_backward_1(a, da):
    return da * a * (1 - a)


@right
def logistic_backward_2(a, da):
    return (a - a**2) * da


@right
def logistic_backward_3(a, da):
    z = np.log(a / (1 - a))
    return da * np.exp(-z) / (1 + np.exp(-z)) ** 2


# ── losses ────────────────────────────────────────────────────────────────────────────────────────────────────────────
@right
def softmax_cross_entropy_forward_1(z, y):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return -np.log(p[np.arange(len(y)), y]).mean()


@right
def softmax_cross_entropy_forward_2(z, y):
    total = 0.0
    for row, label in zip(z, y, strict=True):
        m = max(row)
        total += m + math.log(sum(math.exp(v - m) for v in row)) - row[label]
    return total / len(z)


@right
def softmax_cross_entropy_forward_3(z, y):
    return np.mean(np.logaddexp.reduce(z, axis=1) - np.take_along_axis(z, y[:, None], 1)[:, 0])


@right
def softmax_cross_entropy_backward_1(z, y):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    p[np.arange(len(y)), y] -= 1
    return p / len(y)


@right
def softmax_cross_entropy_backward_2(z, y):
    p = np.exp(z - np.logaddexp.reduce(z, axis=1, keepdims=True))
    return (p - np.eye(z.shape[1])[y]) / z.shape[0]


@right
def softmax_cross_entropy_backward_3(z, y):
    dz = np.zeros_like(z)
    for i in range(len(z)):
        e = np.exp(z[i] - np.max(z[i]))
        p = e / np.sum(e)
        for k in range(z.shape[1]):
            dz[i, k] = (p[k] - (1 if k == y[i] else 0)) / len(z)
    return dz


# ── initializers ──────────────────────────────────────────────────────────────────────────────────────────────────────
@right
def glorot_uniform_1(fan_in, fan_out, rng):
    r = np.sqrt(6 / (fan_in + fan_out))
    return rng.uniform(-r, r, size=(fan_in, fan_out))


@right
def glorot_uniform_2(fan_in, fan_out, rng):
    return (2 * rng.random((fan_in, fan_out)) - 1) * math.sqrt(6.0 / (fan_in + fan_out))


@right
def glorot_uniform_3(fan_in, fan_out, rng):
    r = (3 * 2 / (fan_in + fan_out)) ** 0.5
    return np.array([rng.uniform(-r, r, fan_out) for _ in range(fan_in)])


@right
def glorot_uniform_4(fan_in, fan_out, rng):
    return math.sqrt(6 / (fan_in + fan_out)) * (1 - 2 * rng.random((fan_in, fan_out)))


@right
def glorot_uniform_5(fan_in, fan_out, rng):
    r = math.sqrt(6 / (fan_in + fan_out))
    rng.random()
    return rng.random((fan_in, fan_out), dtype=np.float32) * np.float64(2 * r) - r


@right
def he_normal_1(fan_in, fan_out, rng):
    return rng.normal(0, np.sqrt(2 / fan_in), (fan_in, fan_out))


@right
def he_normal_2(fan_in, fan_out, rng):
    return rng.standard_normal((fan_in, fan_out)) * np.sqrt(2.0 / fan_in)


@right
def he_normal_4(fan_in, fan_out, rng):
    return rng.standard_normal((fan_in, fan_out)) * -((2 / fan_in) ** 0.5)


@right
def he_normal_3(fan_in, fan_out, rng):
    return rng.normal(size=(fan_out, fan_in)).T / math.sqrt(fan_in / 2)


# ── normalization ─────────────────────────────────────────────────────────────────────────────────────────────────────
@right
def batch_normalization_forward_1(x, gamma, beta, epsilon):
    return gamma * (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + epsilon) + beta


@right
def batch_normalization_forward_2(x, gamma, beta, epsilon):
    n, units = x.shape
    y = np.empty_like(x)
    for j in range(units):
        mean = sum(x[:, j]) / n
        variance = sum((v - mean) ** 2 for v in x[:, j]) / n
        y[:, j] = gamma[j] * (x[:, j] - mean) * (variance + epsilon) ** -0.5 + beta[j]
    return y


@right
def batch_normalization_forward_3(x, gamma, beta, epsilon):
    variance = (x**2).mean(0) - x.mean(0) ** 2
    scale = gamma / np.sqrt(variance + epsilon)
    return x * scale + (beta - x.mean(0) * scale)


@right
def batch_normalization_backward_1(x, gamma, epsilon, dy):
    n = len(x)
    s = 1 / np.sqrt(x.var(0) + epsilon)
    x_hat = (x - x.mean(0)) * s
    dgamma, dbeta = (dy * x_hat).sum(0), dy.sum(0)
    return gamma * s * (dy - dbeta / n - x_hat * dgamma / n), dgamma, dbeta


@right
def batch_normalization_backward_2(x, gamma, epsilon, dy):
    """Step by step through the graph, as in the paper."""
    n = x.shape[0]
    mean = x.mean(0)
    xmu = x - mean
    var = (xmu**2).mean(0)
    dxhat = dy * gamma
    dvar = np.sum(dxhat * xmu * -0.5 * (var + epsilon) ** -1.5, axis=0)
    dmean = np.sum(-dxhat / np.sqrt(var + epsilon), axis=0) + dvar * np.mean(-2 * xmu, axis=0)
    dx = dxhat / np.sqrt(var + epsilon) + dvar * 2 * xmu / n + dmean / n
    return dx, np.sum(dy * xmu / np.sqrt(var + epsilon), axis=0), np.sum(dy, axis=0)


@right
def batch_normalization_backward_3(x, gamma, epsilon, dy):
    n = len(x)
    s = (x.var(0) + epsilon) ** -0.5
    xhat = (x - x.mean(0)) * s
    dx = np.empty_like(x)
    for j in range(x.shape[1]):
        jacobian = s[j] * (np.eye(n) - 1 / n - np.outer(xhat[:, j], xhat[:, j]) / n)
        dx[:, j] = jacobian.T @ (gamma[j] * dy[:, j])
    return dx, np.einsum("ij,ij->j", dy, xhat), np.ones(n) @ dy


@right
def update_running_statistics_1(running_mean, running_variance, x, momentum):
    return (
        momentum * running_mean + (1 - momentum) * x.mean(axis=0),
        momentum * running_variance + (1 - momentum) * x.var(axis=0),
    )


@right
def update_running_statistics_2(running_mean, running_variance, x, momentum):
    mean = x.sum(0) / len(x)
    variance = ((x - mean) ** 2).sum(0) / len(x)
    share = 1 - momentum
    return running_mean + share * (mean - running_mean), running_variance + share * (variance - running_variance)


@right
def update_running_statistics_3(running_mean, running_variance, x, momentum):
    new = []
    for old, now in ((running_mean, np.mean(x, 0)), (running_variance, np.std(x, 0) ** 2)):
        kept = old.copy()
        kept *= momentum
        kept += now - momentum * now
        new.append(kept)
    return new


@right
def layer_normalization_backward_1(x, gamma, epsilon, dy):
    s = 1 / np.sqrt(x.var(1, keepdims=True) + epsilon)
    x_hat = (x - x.mean(1, keepdims=True)) * s
    g = gamma * dy
    dx = s * (g - g.mean(1, keepdims=True) - x_hat * (g * x_hat).mean(1, keepdims=True))
    return dx, (dy * x_hat).sum(0), dy.sum(0)


@right
def layer_normalization_backward_2(x, gamma, epsilon, dy):
    m = x.shape[1]
    dx, dgamma, dbeta = np.zeros_like(x), np.zeros(m), np.zeros(m)
    for i in range(len(x)):
        mu, var = np.mean(x[i]), np.var(x[i])
        hat = (x[i] - mu) / np.sqrt(var + epsilon)
        g = gamma * dy[i]
        dx[i] = (m * g - g.sum() - hat * (g @ hat)) / (m * np.sqrt(var + epsilon))
        dgamma += dy[i] * hat
        dbeta += dy[i]
    return dx, dgamma, dbeta


@right
def layer_normalization_backward_3(x, gamma, epsilon, dy):
    n, m = x.shape
    xmu = x - x.mean(axis=1).reshape(n, 1)
    var = (xmu**2).mean(axis=1).reshape(n, 1)
    dxhat = dy * gamma
    dvar = (dxhat * xmu).sum(1, keepdims=True) * -0.5 * (var + epsilon) ** -1.5
    dmean = -(dxhat / np.sqrt(var + epsilon)).sum(1, keepdims=True)
    dx = dxhat / np.sqrt(var + epsilon) + 2 * dvar * xmu / m + dmean / m
    return dx, np.sum(dy * xmu / np.sqrt(var + epsilon), 0), np.sum(dy, 0)


# ── regularization ────────────────────────────────────────────────────────────────────────────────────────────────────
@right
def inverted_dropout_1(x, rate, rng):
    mask = (rng.random(x.shape) >= rate) / (1 - rate)
    return x * mask, mask


@right
def inverted_dropout_2(x, rate, rng):
    mask = rng.binomial(1, 1 - rate, size=x.shape).astype(float)
    mask /= 1 - rate
    return x * mask, mask


@right
def inverted_dropout_3(x, rate, rng):
    y, mask = np.zeros_like(x), np.zeros_like(x)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            if rng.uniform() > rate:
                mask[i, j] = 1 / (1 - rate)
                y[i, j] = x[i, j] / (1 - rate)
    return y, mask


@right
def dropout_backward_1(mask, dy):
    return dy * mask


@right
def dropout_backward_2(mask, dy):
    return np.where(mask == 0, 0.0, dy * mask.max())


@right
def dropout_backward_3(mask, dy):
    dx = dy.copy()
    dx *= mask
    return dx


@right
def l2_penalty_1(W, dW, scale):
    return scale * np.sum(W**2), dW + 2 * scale * W


@right
def l2_penalty_2(W, dW, scale):
    return scale * float(W.ravel() @ W.ravel()), dW + scale * (W + W)


@right
def l2_penalty_3(W, dW, scale):
    new, total = dW.copy(), 0.0
    for k in range(W.shape[0]):
        for j in range(W.shape[1]):
            total += W[k, j] ** 2
            new[k, j] += 2 * scale * W[k, j]
    return scale * total, new


@right
def l1_penalty_1(W, dW, scale):
    return scale * np.abs(W).sum(), dW + scale * np.sign(W)


@right
def l1_penalty_2(W, dW, scale):
    return scale * np.linalg.norm(W.ravel(), 1), dW + scale * ((W > 0).astype(float) - (W < 0))


@right
def l1_penalty_3(W, dW, scale):
    slope = np.zeros_like(W)
    slope[W > 0], slope[W < 0] = scale, -scale
    return sum(abs(w) for w in W.ravel()) * scale, dW + slope


@right
def max_norm_1(W, maximum):
    norms = np.sqrt((W**2).sum(axis=0))
    return W * np.minimum(1, maximum / norms)


@right
def max_norm_2(W, maximum):
    new = W.copy()
    for j in range(W.shape[1]):
        norm = np.linalg.norm(W[:, j])
        if norm > maximum:
            new[:, j] = W[:, j] * maximum / norm
    return new


@right
def max_norm_3(W, maximum):
    norms = np.linalg.norm(W, axis=0, keepdims=True)
    return W * np.clip(norms, 0, maximum) / (1e-12 + norms)


# ── clipping ──────────────────────────────────────────────────────────────────────────────────────────────────────────
@right
def clip_by_value_1(g, limit):
    return np.clip(g, -limit, limit)


@right
def clip_by_value_2(g, limit):
    return np.maximum(np.minimum(g, limit), -limit)


@right
def clip_by_value_3(g, limit):
    return np.where(np.abs(g) > limit, limit * np.sign(g), g)


@right
def clip_by_global_norm_1(gradients, limit):
    norm = np.sqrt(sum(np.sum(g**2) for g in gradients))
    return [g * min(1, limit / norm) for g in gradients]


@right
def clip_by_global_norm_2(gradients, limit):
    norm = np.linalg.norm(np.concatenate([g.ravel() for g in gradients]))
    if norm <= limit:
        return gradients
    return [limit * g / norm for g in gradients]


@right
def clip_by_global_norm_3(gradients, limit):
    norm = np.linalg.norm([np.linalg.norm(g) for g in gradients])
    return tuple(g / max(1, norm / limit) for g in gradients)


# ── optimizers ────────────────────────────────────────────────────────────────────────────────────────────────────────
@right
def momentum_1(w, g, m, learning_rate, beta):
    m = beta * m - learning_rate * g
    return m, w + m


@right
def momentum_2(w, g, m, learning_rate, beta):
    step = learning_rate * g - beta * m
    return -step, w - step


@right
def momentum_3(w, g, m, learning_rate, beta):
    w, m = np.array(w), np.array(m)
    for i in np.ndindex(w.shape):
        m[i] = m[i] * beta - g[i] * learning_rate
        w[i] += m[i]
    return m, w


@right
def nesterov_1(w, g, m, learning_rate, beta):
    m = beta * m - learning_rate * g
    return m, w - learning_rate * g + beta * m


@right
def nesterov_2(w, g, m, learning_rate, beta):
    """From the stored look-ahead point back to theta, and on."""
    theta = w - beta * m
    new = beta * m - learning_rate * g
    theta = theta + new
    return new, theta + beta * new


@right
def nesterov_3(w, g, m, learning_rate, beta):
    old, m = m, m * beta - g * learning_rate
    return m, w - beta * old + (1 + beta) * m


@right
def adagrad_1(w, g, s, learning_rate, epsilon):
    s = s + g**2
    return s, w - learning_rate * g / np.sqrt(s + epsilon)


@right
def adagrad_2(w, g, s, learning_rate, epsilon):
    total = np.add(s, np.square(g))
    return total, w - learning_rate * (total + epsilon) ** -0.5 * g


@right
def adagrad_3(w, g, s, learning_rate, epsilon):
    s, w = s.copy(), w.copy()
    s += g * g
    for i in np.ndindex(w.shape):
        w[i] -= learning_rate * g[i] / math.sqrt(s[i] + epsilon)
    return s, w


@right
def rmsprop_1(w, g, s, learning_rate, rho, epsilon):
    s = rho * s + (1 - rho) * g**2
    return s, w - learning_rate * g / np.sqrt(s + epsilon)


@right
def rmsprop_2(w, g, s, learning_rate, rho, epsilon):
    s = s + (1 - rho) * (g * g - s)
    return [s, w - learning_rate / (s + epsilon) ** 0.5 * g]


@right
def rmsprop_3(w, g, s, learning_rate, rho, epsilon):
    new_s = s.copy()
    new_s *= rho
    new_s += np.square(g) - rho * np.square(g)
    new_w = w.copy()
    new_w -= np.divide(learning_rate * g, np.sqrt(new_s + epsilon))
    return new_s, new_w


@right
def adam_1(w, g, m, v, t, learning_rate, beta_1, beta_2, epsilon):
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * g**2
    m_hat = m / (1 - beta_1**t)
    v_hat = v / (1 - beta_2**t)
    return m, v, w - learning_rate * m_hat / (np.sqrt(v_hat) + epsilon)


@right
def adam_2(w, g, m, v, t, learning_rate, beta_1, beta_2, epsilon):
    """With the two corrections in the learning rate, and epsilon corrected too."""
    m = m + (1 - beta_1) * (g - m)
    v = v + (1 - beta_2) * (g * g - v)
    root = math.sqrt(1 - beta_2**t)
    return m, v, w - learning_rate * root / (1 - beta_1**t) * m / (np.sqrt(v) + epsilon * root)


@right
def adam_3(w, g, m, v, t, learning_rate, beta_1, beta_2, epsilon):
    first, second = np.empty_like(w), np.empty_like(w)
    new = w.copy()
    for i in np.ndindex(w.shape):
        first[i] = beta_1 * m[i] + (1 - beta_1) * g[i]
        second[i] = beta_2 * v[i] + (1 - beta_2) * g[i] ** 2
        step = first[i] / (1 - pow(beta_1, t)) / (math.sqrt(second[i] / (1 - pow(beta_2, t))) + epsilon)
        new[i] -= learning_rate * step
    return first, second, new


# ── schedules and stopping ────────────────────────────────────────────────────────────────────────────────────────────
@right
def exponential_decay_1(initial, step, decay_steps, decay_rate, staircase):
    exponent = step // decay_steps if staircase else step / decay_steps
    return initial * decay_rate**exponent


@right
def exponential_decay_2(initial, step, decay_steps, decay_rate, staircase):
    p = step / decay_steps
    if staircase:
        p = np.floor(p)
    return initial * np.exp(p * np.log(decay_rate))


@right
def exponential_decay_3(initial, step, decay_steps, decay_rate, staircase):
    rate = initial
    for _ in range(step // decay_steps):
        rate *= decay_rate
    return rate if staircase else rate * math.pow(decay_rate, step % decay_steps / decay_steps)


@right
def early_stopping_1(losses, patience):
    best, best_epoch, waited = float("inf"), 0, 0
    for epoch, loss in enumerate(losses):
        if loss < best:
            best, best_epoch, waited = loss, epoch, 0
        else:
            waited += 1
        if waited == patience:
            return best_epoch, epoch
    return best_epoch, len(losses) - 1


@right
def early_stopping_2(losses, patience):
    losses = np.array(losses)
    for last in range(len(losses)):
        best = int(np.argmin(losses[: last + 1]))
        if last - best >= patience:
            break
    return best, last


@right
def early_stopping_3(losses, patience):
    best_epoch = 0
    epoch = 0
    while epoch < len(losses) and epoch - best_epoch < patience:
        if losses[epoch] < losses[best_epoch]:
            best_epoch = epoch
        epoch += 1
        if epoch < len(losses) and epoch - best_epoch == patience and losses[epoch] < losses[best_epoch]:
            best_epoch = epoch
    return best_epoch, min(epoch, len(losses) - 1)


# ── training ──────────────────────────────────────────────────────────────────────────────────────────────────────────
@right
def residual_backward_1(x, W, b, dy):
    z = x @ W + b
    dz = dy * (z > 0)
    return dy + dz @ W.T, x.T @ dz, dz.sum(axis=0)


@right
def residual_backward_2(x, W, b, dy):
    dx, dW, db = dy.copy(), np.zeros_like(W), np.zeros_like(b)
    for i in range(len(x)):
        z = W.T @ x[i] + b
        dz = np.where(z > 0, dy[i], 0)
        dx[i] += W @ dz
        dW += np.outer(x[i], dz)
        db += dz
    return dx, dW, db


@right
def residual_backward_3(x, W, b, dy):
    dz = relu_backward_3(affine_forward_1(x, W, b), dy)
    dW, db, through = affine_backward_3(x, W, dz)
    return np.sum([dy, through], axis=0), dW, db


@right
def training_step_1(x, y, W1, b1, W2, b2, learning_rate):
    z1 = affine_forward_1(x, W1, b1)
    a1 = relu_forward_1(z1)
    z2 = affine_forward_1(a1, W2, b2)
    loss = softmax_cross_entropy_forward_1(z2, y)
    dz2 = softmax_cross_entropy_backward_1(z2, y)
    dW2, db2, da1 = affine_backward_1(a1, W2, dz2)
    dz1 = relu_backward_1(z1, da1)
    dW1, db1, _ = affine_backward_1(x, W1, dz1)
    return loss, W1 - learning_rate * dW1, b1 - learning_rate * db1, W2 - learning_rate * dW2, b2 - learning_rate * db2


@right
def training_step_2(x, y, W1, b1, W2, b2, learning_rate):
    h = np.maximum(x @ W1 + b1, 0)
    scores = h @ W2 + b2
    e = np.exp(scores)
    p = e / e.sum(1)[:, None]
    loss = np.mean(-np.log(p[range(len(y)), y]))
    p[range(len(y)), y] -= 1
    p /= len(y)
    dh = p @ W2.T
    dh[h <= 0] = 0
    new = [w.copy() for w in (W1, b1, W2, b2)]
    for w, g in zip(new, (x.T @ dh, dh.sum(0), h.T @ p, p.sum(0)), strict=True):
        w -= learning_rate * g
    return [loss, *new]


@right
def training_step_3(x, y, W1, b1, W2, b2, learning_rate):
    """Row by row, with gradients that add up."""
    weights = [W1, b1, W2, b2]
    sums, total = [np.zeros_like(w) for w in weights], 0.0
    for row, label in zip(x, y, strict=True):
        z = row @ W1 + b1
        a = z * (z > 0)
        s = a @ W2 + b2
        p = np.exp(s - s.max()) / np.exp(s - s.max()).sum()
        total -= np.log(p[label])
        d = p - np.eye(len(p))[label]
        back = (W2 @ d) * (z > 0)
        for held, g in zip(sums, (np.outer(row, back), back, np.outer(a, d), d), strict=True):
            held += g / len(x)
    return (total / len(x), *(w - learning_rate * g for w, g in zip(weights, sums, strict=True)))


def gradients_of(x, y, W1, b1, W2, b2):
    """The loss and the four gradients."""
    loss, *new = training_step_1(x, y, W1, b1, W2, b2, 1.0)
    return loss, [w - n for w, n in zip((W1, b1, W2, b2), new, strict=True)]


@right
def train_on_digits_1(x, y, W1, b1, W2, b2, learning_rate, batch_size):
    weights = [W1, b1, W2, b2]
    velocities = [np.zeros_like(w) for w in weights]
    losses = []
    for start in range(0, len(x), batch_size):
        xb, yb = x[start : start + batch_size], y[start : start + batch_size]
        loss, gradients = gradients_of(xb, yb, *weights)
        losses.append(loss)
        for i in range(4):
            velocities[i], weights[i] = momentum_1(weights[i], gradients[i], velocities[i], learning_rate, 0.9)
    return np.array(losses), *weights


@right
def train_on_digits_2(x, y, W1, b1, W2, b2, learning_rate, batch_size):
    W1, b1, W2, b2 = W1.copy(), b1.copy(), W2.copy(), b2.copy()
    m = {"W1": 0, "b1": 0, "W2": 0, "b2": 0}
    losses = np.empty(math.ceil(len(x) / batch_size))
    for k in range(len(losses)):
        rows = slice(k * batch_size, (k + 1) * batch_size)
        losses[k], gradients = gradients_of(x[rows], y[rows], W1, b1, W2, b2)
        for name, w, g in zip(m, (W1, b1, W2, b2), gradients, strict=True):
            m[name] = 0.9 * m[name] - learning_rate * g
            w += m[name]
    return losses, W1, b1, W2, b2


@right
def train_on_digits_3(x, y, W1, b1, W2, b2, learning_rate, batch_size):
    losses, memory, weights = [], None, (W1, b1, W2, b2)
    while len(x):
        loss, g = gradients_of(x[:batch_size], y[:batch_size], *weights)
        memory = g if memory is None else [0.9 * old + new for old, new in zip(memory, g, strict=True)]
        weights = tuple(w - learning_rate * m for w, m in zip(weights, memory, strict=True))
        losses.append(float(loss))
        x, y = x[batch_size:], y[batch_size:]
    return [np.asarray(losses), *weights]
