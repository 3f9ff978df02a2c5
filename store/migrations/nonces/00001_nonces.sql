-- +goose Up

-- Nonces of one-time tokens that were used. A row is of no use once its token
-- has expired.
create table used_nonces (
    nonce      text   not null primary key,
    expires_at bigint not null
);

create index used_nonces_expiry on used_nonces (expires_at);

-- +goose Down
drop table used_nonces;
