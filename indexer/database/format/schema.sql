CREATE TABLE info (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL                      -- JSON
) WITHOUT ROWID;

CREATE TABLE sites (
    id             INTEGER PRIMARY KEY,
    name           TEXT NOT NULL UNIQUE,     -- L12, L12E3, L12S, enc.L3
    stack          TEXT NOT NULL,            -- '', 'enc' or 'dec'
    layer          INTEGER NOT NULL,
    expert         INTEGER,                  -- NULL: no expert
    shared         INTEGER NOT NULL,         -- 1: the shared expert of the layer
    width          INTEGER NOT NULL,         -- neurons
    activation     TEXT NOT NULL,
    adapter        TEXT NOT NULL,            -- how gate and in were found
    identity_error REAL,                     -- largest relative error of act(gate) * in; NULL: not proven
    tokens_counted INTEGER NOT NULL,
    first_neuron   INTEGER NOT NULL,         -- neurons.id of index 0; the others follow
    sample         INTEGER REFERENCES samples (id)
);

CREATE TABLE neurons (                       -- raw signs; sums and extremes: one column a quantity and quadrant
    id          INTEGER PRIMARY KEY,
    site        INTEGER NOT NULL REFERENCES sites (id),
    layer       INTEGER NOT NULL,
    "index"     INTEGER NOT NULL,
    flipped     INTEGER,                     -- 1 where dot_gate_in < 0; NULL: not known
    dot_gate_in REAL,
    zero        INTEGER NOT NULL,
    count_pp    INTEGER NOT NULL, count_pn INTEGER NOT NULL, count_np INTEGER NOT NULL, count_nn INTEGER NOT NULL,
    sum_gate_pp REAL NOT NULL, sum_gate_pn REAL NOT NULL, sum_gate_np REAL NOT NULL, sum_gate_nn REAL NOT NULL,
    sum_in_pp   REAL NOT NULL, sum_in_pn   REAL NOT NULL, sum_in_np   REAL NOT NULL, sum_in_nn   REAL NOT NULL,
    sum_act_pp  REAL NOT NULL, sum_act_pn  REAL NOT NULL, sum_act_np  REAL NOT NULL, sum_act_nn  REAL NOT NULL,
    sum_post_pp REAL NOT NULL, sum_post_pn REAL NOT NULL, sum_post_np REAL NOT NULL, sum_post_nn REAL NOT NULL,
    extreme_gate_pp REAL, extreme_gate_pn REAL, extreme_gate_np REAL, extreme_gate_nn REAL,
    extreme_in_pp   REAL, extreme_in_pn   REAL, extreme_in_np   REAL, extreme_in_nn   REAL,
    extreme_act_pp  REAL, extreme_act_pn  REAL, extreme_act_np  REAL, extreme_act_nn  REAL,
    extreme_post_pp REAL, extreme_post_pn REAL, extreme_post_np REAL, extreme_post_nn REAL
);

CREATE TABLE documents (
    document INTEGER PRIMARY KEY,            -- 0-based, in the order of the input; only those that are used
    source   TEXT NOT NULL
);

CREATE TABLE sequences (
    id       INTEGER PRIMARY KEY,            -- number in the corpus; only those that are used
    document INTEGER NOT NULL REFERENCES documents (document),
    part     INTEGER NOT NULL,
    length   INTEGER NOT NULL,               -- tokens
    tokens   BLOB NOT NULL,                  -- zlib of little-endian uint16 or uint32 token ids
    UNIQUE (document, part)
);

CREATE TABLE tokens (
    id    INTEGER PRIMARY KEY,               -- of the tokenizer; only those that are used
    bytes BLOB NOT NULL,
    text  TEXT NOT NULL                      -- the bytes alone, decoded; U+FFFD where they are no whole character
);

CREATE TABLE samples (
    id   INTEGER PRIMARY KEY,                -- sites that counted the same positions share one
    size INTEGER NOT NULL
);

CREATE TABLE sample_positions (
    sample   INTEGER NOT NULL REFERENCES samples (id),
    rank     INTEGER NOT NULL,               -- place in packed.sample, 0-based
    sequence INTEGER NOT NULL REFERENCES sequences (id),
    position INTEGER NOT NULL,
    PRIMARY KEY (sample, rank)
) WITHOUT ROWID;

CREATE TABLE packed (
    neuron   INTEGER PRIMARY KEY REFERENCES neurons (id),
    examples BLOB NOT NULL,                  -- see "Packed values" in docs/schema.md
    sample   BLOB NOT NULL
);

CREATE TABLE weights (                       -- what the weights say, raw signs; no row: see weight_sites
    neuron       INTEGER PRIMARY KEY REFERENCES neurons (id),
    cos_gate_in  REAL, cos_in_out REAL, cos_gate_out REAL,   -- norm gains folded; NULL: a vector is zero
    norm_gate    REAL NOT NULL, norm_in REAL NOT NULL, norm_out REAL NOT NULL,
    rw_class     TEXT                        -- NULL where a cosine is
);

CREATE TABLE weight_lists (
    neuron INTEGER PRIMARY KEY REFERENCES neurons (id),
    lists  BLOB NOT NULL                     -- see "Packed values" in docs/schema.md
);

CREATE TABLE weight_sites (                  -- every site of the model, indexed or not; empty: not computed
    name          TEXT NOT NULL UNIQUE,
    width         INTEGER NOT NULL,
    first_neuron  INTEGER PRIMARY KEY,       -- how weight_lists.lists numbers index 0; the others follow
    norm_before   TEXT,                      -- the norm that feeds the MLP; NULL: unknown, or the site wasn't computed
    norm_after    TEXT,                      -- the norm behind it
    band_gate_in  REAL, band_in_out REAL, band_gate_out REAL,  -- 95 % of mismatched |cosines| are smaller
    reason        TEXT                       -- why the site has no rows in weights; NULL: it has
);

CREATE VIEW neuron_raw AS SELECT
    n.id, s.name || 'N' || n."index" AS neuron, s.name AS site, n.layer, n."index", n.flipped, n.dot_gate_in,
    s.tokens_counted, n.zero,
    n.count_pp, n.count_pn, n.count_np, n.count_nn,
    1.0 * n.count_pp / s.tokens_counted AS frequency_pp,
    1.0 * n.count_pn / s.tokens_counted AS frequency_pn,
    1.0 * n.count_np / s.tokens_counted AS frequency_np,
    1.0 * n.count_nn / s.tokens_counted AS frequency_nn,
    1.0 * (n.count_pp + n.count_pn) / s.tokens_counted AS frequency_gate_positive,
    n.sum_gate_pp / nullif(n.count_pp, 0) AS mean_gate_pp,
    n.sum_gate_pn / nullif(n.count_pn, 0) AS mean_gate_pn,
    n.sum_gate_np / nullif(n.count_np, 0) AS mean_gate_np,
    n.sum_gate_nn / nullif(n.count_nn, 0) AS mean_gate_nn,
    n.sum_in_pp / nullif(n.count_pp, 0) AS mean_in_pp,
    n.sum_in_pn / nullif(n.count_pn, 0) AS mean_in_pn,
    n.sum_in_np / nullif(n.count_np, 0) AS mean_in_np,
    n.sum_in_nn / nullif(n.count_nn, 0) AS mean_in_nn,
    n.sum_act_pp / nullif(n.count_pp, 0) AS mean_act_pp,
    n.sum_act_pn / nullif(n.count_pn, 0) AS mean_act_pn,
    n.sum_act_np / nullif(n.count_np, 0) AS mean_act_np,
    n.sum_act_nn / nullif(n.count_nn, 0) AS mean_act_nn,
    n.sum_post_pp / nullif(n.count_pp, 0) AS mean_post_pp,
    n.sum_post_pn / nullif(n.count_pn, 0) AS mean_post_pn,
    n.sum_post_np / nullif(n.count_np, 0) AS mean_post_np,
    n.sum_post_nn / nullif(n.count_nn, 0) AS mean_post_nn,
    n.extreme_gate_pp, n.extreme_gate_pn, n.extreme_gate_np, n.extreme_gate_nn,
    n.extreme_in_pp, n.extreme_in_pn, n.extreme_in_np, n.extreme_in_nn,
    n.extreme_act_pp, n.extreme_act_pn, n.extreme_act_np, n.extreme_act_nn,
    n.extreme_post_pp, n.extreme_post_pn, n.extreme_post_np, n.extreme_post_nn,
    w.cos_gate_in, w.cos_in_out, w.cos_gate_out, w.norm_gate, w.norm_in, w.norm_out, w.rw_class
FROM neurons AS n JOIN sites AS s ON s.id = n.site LEFT JOIN weights AS w ON w.neuron = n.id;

-- Where w_gate · w_in < 0, w_in and w_out are negated: ++ and +- swap, -+ and -- swap, in and post change sign.
CREATE VIEW neuron_aligned AS SELECT
    id, neuron, site, layer, "index", flipped, dot_gate_in, tokens_counted, zero,
    iif(flipped, count_pn, count_pp) AS count_pp,
    iif(flipped, count_pp, count_pn) AS count_pn,
    iif(flipped, count_nn, count_np) AS count_np,
    iif(flipped, count_np, count_nn) AS count_nn,
    iif(flipped, frequency_pn, frequency_pp) AS frequency_pp,
    iif(flipped, frequency_pp, frequency_pn) AS frequency_pn,
    iif(flipped, frequency_nn, frequency_np) AS frequency_np,
    iif(flipped, frequency_np, frequency_nn) AS frequency_nn,
    frequency_gate_positive,
    iif(flipped, mean_gate_pn, mean_gate_pp) AS mean_gate_pp,
    iif(flipped, mean_gate_pp, mean_gate_pn) AS mean_gate_pn,
    iif(flipped, mean_gate_nn, mean_gate_np) AS mean_gate_np,
    iif(flipped, mean_gate_np, mean_gate_nn) AS mean_gate_nn,
    iif(flipped, -mean_in_pn, mean_in_pp) AS mean_in_pp,
    iif(flipped, -mean_in_pp, mean_in_pn) AS mean_in_pn,
    iif(flipped, -mean_in_nn, mean_in_np) AS mean_in_np,
    iif(flipped, -mean_in_np, mean_in_nn) AS mean_in_nn,
    iif(flipped, mean_act_pn, mean_act_pp) AS mean_act_pp,
    iif(flipped, mean_act_pp, mean_act_pn) AS mean_act_pn,
    iif(flipped, mean_act_nn, mean_act_np) AS mean_act_np,
    iif(flipped, mean_act_np, mean_act_nn) AS mean_act_nn,
    iif(flipped, -mean_post_pn, mean_post_pp) AS mean_post_pp,
    iif(flipped, -mean_post_pp, mean_post_pn) AS mean_post_pn,
    iif(flipped, -mean_post_nn, mean_post_np) AS mean_post_np,
    iif(flipped, -mean_post_np, mean_post_nn) AS mean_post_nn,
    iif(flipped, extreme_gate_pn, extreme_gate_pp) AS extreme_gate_pp,
    iif(flipped, extreme_gate_pp, extreme_gate_pn) AS extreme_gate_pn,
    iif(flipped, extreme_gate_nn, extreme_gate_np) AS extreme_gate_np,
    iif(flipped, extreme_gate_np, extreme_gate_nn) AS extreme_gate_nn,
    iif(flipped, -extreme_in_pn, extreme_in_pp) AS extreme_in_pp,
    iif(flipped, -extreme_in_pp, extreme_in_pn) AS extreme_in_pn,
    iif(flipped, -extreme_in_nn, extreme_in_np) AS extreme_in_np,
    iif(flipped, -extreme_in_np, extreme_in_nn) AS extreme_in_nn,
    iif(flipped, extreme_act_pn, extreme_act_pp) AS extreme_act_pp,
    iif(flipped, extreme_act_pp, extreme_act_pn) AS extreme_act_pn,
    iif(flipped, extreme_act_nn, extreme_act_np) AS extreme_act_np,
    iif(flipped, extreme_act_np, extreme_act_nn) AS extreme_act_nn,
    iif(flipped, -extreme_post_pn, extreme_post_pp) AS extreme_post_pp,
    iif(flipped, -extreme_post_pp, extreme_post_pn) AS extreme_post_pn,
    iif(flipped, -extreme_post_nn, extreme_post_np) AS extreme_post_np,
    iif(flipped, -extreme_post_np, extreme_post_nn) AS extreme_post_nn,
    iif(flipped, 0.0 - cos_gate_in, cos_gate_in) AS cos_gate_in,
    cos_in_out,
    iif(flipped, 0.0 - cos_gate_out, cos_gate_out) AS cos_gate_out,
    norm_gate, norm_in, norm_out, rw_class
FROM neuron_raw;
