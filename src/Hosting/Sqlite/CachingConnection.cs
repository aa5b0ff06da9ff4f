using System.Collections.Concurrent;
using System.Data;
using System.Data.Common;
using System.Diagnostics.CodeAnalysis;
using Microsoft.Data.Sqlite;

namespace AuthIndex.Hosting.Sqlite;

/// <summary>
/// A connection that keeps the statements it has prepared, by their text: preparing one takes longer than most of ours run. Commands
/// that Dapper makes on it take a kept statement and give it back when they are disposed.
/// </summary>
/// <param name="connectionString">As for <see cref="SqliteConnection"/>.</param>
internal sealed class CachingConnection(string connectionString) : SqliteConnection(connectionString)
{
    // Some texts are made, with as many parameters as a list is long. They must not push out those that every request uses.
    private const int MaxKept = 100;

    private readonly OrderedDictionary<string, SqliteCommand> kept = new(StringComparer.Ordinal); // the one unused for longest first

    /// <inheritdoc/>
    protected override DbCommand CreateDbCommand() => new CachedCommand(this);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            foreach (var command in kept.Values) command.Dispose();
            kept.Clear();
        }

        base.Dispose(disposing);
    }

    private SqliteCommand Take(string text) => kept.Remove(text, out var command) ? command : new SqliteCommand(text, this);

    private void Give(SqliteCommand command)
    {
        command.Parameters.Clear();
        if (!kept.TryAdd(command.CommandText, command)) command.Dispose(); // one of two that were in use at once
        if (kept.Count <= MaxKept) return;
        kept.GetAt(0).Value.Dispose();
        kept.RemoveAt(0);
    }

    /// <summary>
    /// A command whose statement outlives it. The statement is taken at the first run: where a parameter stands for a list, Dapper sets
    /// the text once more between two parameters.
    /// </summary>
    private sealed class CachedCommand(CachingConnection connection) : DbCommand
    {
        private readonly SqliteCommand given = new(); // never run: it holds the parameters
        private SqliteCommand? taken;

        [AllowNull]
        public override string CommandText
        {
            get => given.CommandText;
            set => given.CommandText = value;
        }

        public override int CommandTimeout { get; set; } = 30;

        public override CommandType CommandType
        {
            get => given.CommandType;
            set => given.CommandType = value;
        }

        public override bool DesignTimeVisible { get; set; }

        public override UpdateRowSource UpdatedRowSource { get; set; }

        protected override DbConnection? DbConnection
        {
            get => connection;
            set => throw new NotSupportedException("The command belongs to the connection that made it.");
        }

        protected override DbParameterCollection DbParameterCollection => given.Parameters;

        protected override DbTransaction? DbTransaction { get; set; }

        public override void Cancel() => taken?.Cancel();

        public override int ExecuteNonQuery() => Taken().ExecuteNonQuery();

        public override object? ExecuteScalar() => Taken().ExecuteScalar();

        public override void Prepare() => Taken().Prepare();

        protected override DbParameter CreateDbParameter() => new NamedParameter();

        protected override DbDataReader ExecuteDbDataReader(CommandBehavior behavior) => Taken().ExecuteReader(behavior);

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                given.Dispose();
                if (taken is not null) connection.Give(taken);
                taken = null;
            }

            base.Dispose(disposing);
        }

        private SqliteCommand Taken()
        {
            taken ??= connection.Take(CommandText);
            taken.Parameters.Clear();
            foreach (SqliteParameter parameter in given.Parameters) taken.Parameters.Add(parameter);
            taken.CommandTimeout = CommandTimeout;
            taken.Transaction = (SqliteTransaction?)DbTransaction;
            return taken;
        }
    }

    /// <summary>A parameter by its name in SQLite, with the <c>@</c>: without it, the library tries one prefix after another.</summary>
    private sealed class NamedParameter : SqliteParameter
    {
        private static readonly ConcurrentDictionary<string, string> Prefixed = new(StringComparer.Ordinal);

        [AllowNull]
        public override string ParameterName
        {
            get => base.ParameterName;
            set => base.ParameterName = value is { Length: > 0 } and not ['@', ..] ? Prefixed.GetOrAdd(value, n => "@" + n) : value;
        }
    }
}
