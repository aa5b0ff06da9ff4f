using Npgsql;

namespace AuthIndex.Hosting.Postgres;

/// <summary>
/// A text holds a character that PostgreSQL's texts cannot: NUL, or half of a surrogate pair. Whoever sent it is told so; nothing can have
/// such a name.
/// </summary>
public sealed class UnstorableTextException : Exception
{
    /// <summary>Wraps what the database said.</summary>
    public UnstorableTextException(Exception inner)
        : base("a text contains a character that cannot be stored", inner)
    {
    }

    /// <summary>Whether that is what went wrong.</summary>
    internal static bool Is(Exception e) => e is PostgresException
    {
        SqlState: PostgresErrorCodes.CharacterNotInRepertoire or PostgresErrorCodes.UntranslatableCharacter,
    };
}
