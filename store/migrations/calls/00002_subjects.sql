-- +goose Up

-- Whose process answered the call: only that one knows that it has crashed.
alter table calls add column node text not null default '';

-- The random id of a caller. lookup is a keyed HMAC of the number: without the
-- key nobody can tell the number, or try them all.
create table subjects (
    id         text   not null primary key,
    lookup     bytea  not null unique,
    created_at bigint not null
);

-- What callers asked to have destroyed, kept when it is done. An empty take is
-- all of the call.
create table deletions (
    call         text   not null,
    take         text   not null,
    requested_at bigint not null,
    done_at      bigint,                          -- null while it waits
    primary key (call, take)
);

create index deletions_pending on deletions (requested_at) where done_at is null;

-- +goose Down
drop table deletions;
drop table subjects;
alter table calls drop column node;
