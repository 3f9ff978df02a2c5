-- +goose Up

-- What happened that is to be told to others, written in the transaction in
-- which it happened. A row stays when it is told, so that nothing is told again
-- as news.
create table events (
    name    text   not null,                      -- such as call.finished
    call    text   not null,
    take    text   not null,                      -- empty: the call as such
    state   text   not null,                      -- a word about it, such as complete
    at      bigint not null,
    told_at bigint,                               -- null while it waits
    primary key (name, call, take)
);

create index events_untold on events (at) where told_at is null;

-- +goose Down
drop table events;
