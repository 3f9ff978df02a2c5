-- +goose Up

-- From here each process writes a chain of its own, of random name. The rows
-- from before are the chain without a name, whose hashes have the layout of
-- before. There is no way back: many chains do not fit the old table.
drop trigger ledger_refuses_update;
drop trigger ledger_refuses_delete;
drop trigger ledger_refuses_gap;
drop index ledger_call;
alter table ledger rename to ledger_before;

-- Without a rowid a row can be named in one way alone, so that no "insert or
-- replace" by another slips past the triggers.
create table ledger (
    chain text   not null,
    seq   bigint not null,
    at    bigint not null,
    call  text   not null,
    event text   not null,
    body  bytea  not null,
    hash  bytea  not null,
    primary key (chain, seq)
) without rowid;

insert into ledger (chain, seq, at, call, event, body, hash)
select '', seq, at, call, event, body, hash from ledger_before order by seq;

drop table ledger_before;

create index ledger_call on ledger (call, chain, seq);

-- Signed statements of how far the chains were: checkpoint.go has the text that
-- is signed. The heads of a checkpoint are those that moved since the one before.
create table ledger_checkpoints (
    number    bigint not null primary key,
    at        bigint not null,
    before    bytea  not null,
    key       bytea  not null,
    signature bytea  not null
) without rowid;

create table ledger_heads (
    checkpoint bigint not null,
    chain      text   not null,
    seq        bigint not null,
    hash       bytea  not null,
    primary key (checkpoint, chain),
    unique (chain, seq)
) without rowid;

-- One row, written now and then to see that the disk takes it.
create table ledger_probe (
    id bigint not null primary key check (id = 1),
    at bigint not null
);

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

-- An "insert or replace" deletes without asking the triggers above.
-- +goose StatementBegin
create trigger ledger_refuses_gap before insert on ledger
when new.seq <> (select coalesce(max(seq), 0) + 1 from ledger where chain = new.chain)
begin
    select raise(abort, 'the ledger is append-only');
end;
-- +goose StatementEnd

-- +goose StatementBegin
create trigger ledger_checkpoints_refuses_update before update on ledger_checkpoints
begin
    select raise(abort, 'the ledger is append-only');
end;
-- +goose StatementEnd

-- +goose StatementBegin
create trigger ledger_checkpoints_refuses_delete before delete on ledger_checkpoints
begin
    select raise(abort, 'the ledger is append-only');
end;
-- +goose StatementEnd

-- +goose StatementBegin
create trigger ledger_checkpoints_refuses_gap before insert on ledger_checkpoints
when new.number <> (select coalesce(max(number), 0) + 1 from ledger_checkpoints)
begin
    select raise(abort, 'the ledger is append-only');
end;
-- +goose StatementEnd

-- +goose StatementBegin
create trigger ledger_heads_refuses_update before update on ledger_heads
begin
    select raise(abort, 'the ledger is append-only');
end;
-- +goose StatementEnd

-- +goose StatementBegin
create trigger ledger_heads_refuses_delete before delete on ledger_heads
begin
    select raise(abort, 'the ledger is append-only');
end;
-- +goose StatementEnd

-- Heads come before their checkpoint, which closes the list, and only move up.
-- +goose StatementBegin
create trigger ledger_heads_refuses_late before insert on ledger_heads
when new.checkpoint <> (select coalesce(max(number), 0) + 1 from ledger_checkpoints)
    or exists (select 1 from ledger_heads where chain = new.chain and seq >= new.seq)
    or exists (select 1 from ledger_heads where checkpoint = new.checkpoint and chain = new.chain)
begin
    select raise(abort, 'the ledger is append-only');
end;
-- +goose StatementEnd
