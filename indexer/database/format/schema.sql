CREATE TABLE info (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL                      -- JSON
) WITHOUT ROWID, STRICT;

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
) STRICT;

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
) STRICT;

CREATE TABLE documents (
    document INTEGER PRIMARY KEY,            -- 0-based, in the order of the input; only those that are used
    source   TEXT NOT NULL
) STRICT;

CREATE TABLE sequences (
    id       INTEGER PRIMARY KEY,            -- number in the corpus; only those that are used
    document INTEGER NOT NULL REFERENCES documents (document),
    part     INTEGER NOT NULL,
    length   INTEGER NOT NULL,               -- tokens
    tokens   BLOB NOT NULL,                  -- zlib of little-endian uint16 or uint32 token ids
    UNIQUE (document, part)
) STRICT;

CREATE TABLE turns (                         -- of sequences that are conversations; the others have none
    sequence INTEGER PRIMARY KEY REFERENCES sequences (id),
    turns    TEXT NOT NULL                   -- JSON: [start, stop, role] of each message's content, in tokens
) STRICT;

CREATE TABLE tokens (
    id    INTEGER PRIMARY KEY,               -- of the tokenizer; only those that are used
    bytes BLOB NOT NULL,
    text  TEXT NOT NULL                      -- the bytes alone, decoded; U+FFFD where they are no whole character
) STRICT;

CREATE TABLE samples (
    id   INTEGER PRIMARY KEY,                -- sites that counted the same positions share one
    size INTEGER NOT NULL
) STRICT;

CREATE TABLE sample_positions (
    sample   INTEGER NOT NULL REFERENCES samples (id),
    rank     INTEGER NOT NULL,               -- place in packed.sample, 0-based
    sequence INTEGER NOT NULL REFERENCES sequences (id),
    position INTEGER NOT NULL,
    PRIMARY KEY (sample, rank)
) WITHOUT ROWID, STRICT;

CREATE TABLE packed (
    neuron   INTEGER PRIMARY KEY REFERENCES neurons (id),
    examples BLOB NOT NULL,                  -- see "Packed values" in docs/schema.md
    sample   BLOB NOT NULL
) STRICT;

CREATE TABLE weights (                       -- what the weights say, raw signs; no row: see weight_sites
    neuron       INTEGER PRIMARY KEY REFERENCES neurons (id),
    cos_gate_in  REAL, cos_in_out REAL, cos_gate_out REAL,   -- norm gains folded; NULL: a vector is zero
    norm_gate    REAL NOT NULL, norm_in REAL NOT NULL, norm_out REAL NOT NULL,
    rw_class     TEXT                        -- NULL where a cosine is
) STRICT;

CREATE TABLE weight_lists (
    neuron INTEGER PRIMARY KEY REFERENCES neurons (id),
    lists  BLOB NOT NULL                     -- see "Packed values" in docs/schema.md
) STRICT;

CREATE TABLE weight_sites (                  -- every site of the model, indexed or not; empty: not computed
    name          TEXT NOT NULL UNIQUE,
    width         INTEGER NOT NULL,
    first_neuron  INTEGER PRIMARY KEY,       -- how weight_lists.lists numbers index 0; the others follow
    norm_before   TEXT,                      -- the norm that feeds the MLP; NULL: unknown, or the site wasn't computed
    norm_after    TEXT,                      -- the norm after it
    band_gate_in  REAL, band_in_out REAL, band_gate_out REAL,  -- 95 % of mismatched |cosines| are smaller
    reason        TEXT                       -- why the site has no rows in weights; NULL: it has
) STRICT;

CREATE TABLE vocabulary_scores (             -- how the scores of all tokens that a neuron writes are spread; raw signs
    neuron         INTEGER PRIMARY KEY REFERENCES neurons (id),
    vocab_mean     REAL, vocab_std REAL,     -- NULL: not known, or nothing is written
    vocab_skew     REAL, vocab_kurtosis REAL,
    null_share     REAL                      -- of w_out, in the unembedding's near-null space
) STRICT;

CREATE TABLE peak_entropy (                  -- bits, of the tokens that the examples by post peak on; NULL: no example
    neuron          INTEGER PRIMARY KEY REFERENCES neurons (id),
    peak_entropy_pp REAL, peak_entropy_pn REAL, peak_entropy_np REAL, peak_entropy_nn REAL
) STRICT;

CREATE TABLE token_texts (                   -- the tokens of the vocabulary that can be in a list
    folded TEXT NOT NULL,                    -- the token's text without case and without blanks around
    token  INTEGER NOT NULL,
    PRIMARY KEY (folded, token)
) WITHOUT ROWID, STRICT;

CREATE TABLE token_neurons (                 -- the neurons whose lists hold a token, 16 tokens together
    id      INTEGER PRIMARY KEY,             -- 65,536 * (2 * (token / 16) + kind) + block; kind 0: written, 1: read
    neurons BLOB NOT NULL                    -- see "Packed values" in docs/schema.md
) STRICT;

CREATE TABLE wiring (                        -- who feeds each neuron, and whom it feeds; raw signs; no row: see info.wiring
    neuron INTEGER PRIMARY KEY REFERENCES neurons (id),
    lists  BLOB NOT NULL                     -- see "Packed values" in docs/schema.md
) STRICT;

CREATE TABLE wiring_sites (                  -- the sites that have wiring; 95 % of mismatched |cosines| are smaller
    name           TEXT PRIMARY KEY,
    band_fed_gate  REAL, band_fed_in   REAL, -- of w_out in lower layers with the site's w_gate and w_in
    band_feeds_gate REAL, band_feeds_in REAL -- of the site's w_out with w_gate and w_in in higher layers; NULL: no pairs
) WITHOUT ROWID, STRICT;

CREATE TABLE packed_columns (                -- columns of other tables in one piece, for reading over a network
    id      INTEGER PRIMARY KEY,             -- 0
    tokens  BLOB,                            -- tokens.bytes; see "Packed values" in docs/schema.md; NULL: too large
    flipped BLOB                             -- neurons.flipped; NULL: too many
) STRICT;

CREATE TABLE neuron_pages (                  -- copies of this file's pages that lead to the rows of 192 neurons
    id    INTEGER PRIMARY KEY,               -- neurons.id / 48; -1: to all rows of the narrow tables
    pages BLOB NOT NULL                      -- see "Packed values" in docs/schema.md
) STRICT;

CREATE TABLE shared_pages (                  -- copies of this file's pages that every reading needs
    id       INTEGER PRIMARY KEY,            -- 0
    made_for TEXT NOT NULL,                  -- what the file is like as long as the copies are of it
    pages    BLOB NOT NULL
) STRICT;
