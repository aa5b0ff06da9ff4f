using System.Diagnostics.CodeAnalysis;

namespace AuthIndex.TokenServer.Protocol;

/// <summary>A value, or the error answer: an asynchronous <c>Try</c> method's result.</summary>
internal readonly record struct Result<T>
    where T : class
{
    private readonly T? value;
    private readonly ErrorAnswer? error;

    private Result(T? value, ErrorAnswer? error)
    {
        this.value = value;
        this.error = error;
    }

    public static implicit operator Result<T>(T value) => new(value, null);

    public static implicit operator Result<T>(ErrorAnswer error) => new(null, error);

    /// <summary>Gets the value, or the error answer.</summary>
    public bool TryGet([NotNullWhen(true)] out T? found, [NotNullWhen(false)] out ErrorAnswer? problem)
    {
        found = value;
        problem = value is null ? error ?? throw new InvalidOperationException("A result without value and error.") : null;
        return value is not null;
    }
}
