-- +goose Up

-- The tables of ../ledger, which has the comments, and their guards in
-- PostgreSQL's own language.
create table ledger (
    chain text collate "C" not null,
    seq   bigint not null,
    at    bigint not null,
    call  text   not null,
    event text   not null,
    body  bytea  not null,
    hash  bytea  not null,
    primary key (chain, seq)
);

create index ledger_call on ledger (call, chain, seq);

create table ledger_checkpoints (
    number    bigint not null primary key,
    at        bigint not null,
    before    bytea  not null,
    key       bytea  not null,
    signature bytea  not null
);

create table ledger_heads (
    checkpoint bigint not null,
    chain      text collate "C" not null,
    seq        bigint not null,
    hash       bytea  not null,
    primary key (checkpoint, chain),
    unique (chain, seq)
);

create table ledger_probe (
    id bigint not null primary key check (id = 1),
    at bigint not null
);

-- +goose StatementBegin
create function ledger_refuses() returns trigger language plpgsql as $$
begin
    raise exception 'the ledger is append-only';
end
$$;
-- +goose StatementEnd

create trigger ledger_refuses_change before update or delete or truncate on ledger
    for each statement execute function ledger_refuses();
create trigger ledger_checkpoints_refuses_change before update or delete or truncate on ledger_checkpoints
    for each statement execute function ledger_refuses();
create trigger ledger_heads_refuses_change before update or delete or truncate on ledger_heads
    for each statement execute function ledger_refuses();

-- +goose StatementBegin
create function ledger_refuses_gap() returns trigger language plpgsql as $$
begin
    if new.seq <> (select coalesce(max(seq), 0) + 1 from ledger where chain = new.chain) then
        raise exception 'the ledger is append-only';
    end if;
    return new;
end
$$;
-- +goose StatementEnd

create trigger ledger_refuses_gap before insert on ledger
    for each row execute function ledger_refuses_gap();

-- A server may be changed while connections are open.
-- +goose StatementBegin
create function ledger_refuses_lossy() returns trigger language plpgsql as $$
begin
    if current_setting('synchronous_commit') = 'off' or current_setting('fsync') = 'off' then
        raise exception 'the ledger refuses to write with synchronous_commit = % and fsync = %',
            current_setting('synchronous_commit'), current_setting('fsync');
    end if;
    return null;
end
$$;
-- +goose StatementEnd

create trigger ledger_refuses_lossy before insert on ledger
    for each statement execute function ledger_refuses_lossy();

-- +goose StatementBegin
create function ledger_checkpoints_refuses_gap() returns trigger language plpgsql as $$
begin
    if new.number <> (select coalesce(max(number), 0) + 1 from ledger_checkpoints) then
        raise exception 'the ledger is append-only';
    end if;
    return new;
end
$$;
-- +goose StatementEnd

create trigger ledger_checkpoints_refuses_gap before insert on ledger_checkpoints
    for each row execute function ledger_checkpoints_refuses_gap();

-- +goose StatementBegin
create function ledger_heads_refuses_late() returns trigger language plpgsql as $$
begin
    if new.checkpoint <> (select coalesce(max(number), 0) + 1 from ledger_checkpoints)
        or exists (select 1 from ledger_heads where chain = new.chain and seq >= new.seq) then
        raise exception 'the ledger is append-only';
    end if;
    return new;
end
$$;
-- +goose StatementEnd

create trigger ledger_heads_refuses_late before insert on ledger_heads
    for each row execute function ledger_heads_refuses_late();

-- +goose Down
drop table ledger_probe;
drop table ledger_heads;
drop table ledger_checkpoints;
drop table ledger;
drop function ledger_heads_refuses_late();
drop function ledger_checkpoints_refuses_gap();
drop function ledger_refuses_lossy();
drop function ledger_refuses_gap();
drop function ledger_refuses();
