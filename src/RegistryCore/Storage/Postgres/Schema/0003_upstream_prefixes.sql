-- What the names of upstreams' copies begin with, without the slash. It stays an upstream's when the configuration forgets it.
CREATE TABLE upstream_prefixes (
    prefix text COLLATE "C" PRIMARY KEY
);
