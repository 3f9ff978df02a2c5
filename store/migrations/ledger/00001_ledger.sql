-- +goose Up

-- The ledger: rows are added at the end and never changed. hash is SHA-256 over
-- the hash before and the row, as chain.go computes it; at is Unix microseconds.
create table ledger (
    seq   bigint not null primary key,
    at    bigint not null,
    call  text   not null,
    event text   not null,
    body  bytea  not null,
    hash  bytea  not null
);

create index ledger_call on ledger (call, seq);

-- +goose StatementBegin
create trigger ledger_refuses_update before update on ledger
begin
    select raise(abort, 'the ledger is append-only');
end;
-- +goose StatementEnd

-- +goose StatementBegin
create trigger ledger_refuses_delete before delete on ledger
begin
    select raise(abort, 'the ledger is append-only');
end;
-- +goose StatementEnd

-- An "insert or replace" deletes without asking the trigger above.
-- +goose StatementBegin
create trigger ledger_refuses_gap before insert on ledger
when new.seq <> (select coalesce(max(seq), 0) + 1 from ledger)
begin
    select raise(abort, 'the ledger is append-only');
end;
-- +goose StatementEnd

-- +goose Down
drop table ledger;
