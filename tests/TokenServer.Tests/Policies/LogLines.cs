using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace AuthIndex.TokenServer.Tests.Policies;

/// <summary>Keeps what is logged.</summary>
internal sealed class LogLines
{
    private readonly ConcurrentQueue<(LogLevel Level, string Line)> lines = new();

    public IEnumerable<string> At(LogLevel level) => lines.Where(l => l.Level == level).Select(l => l.Line);

    public ILogger<T> For<T>() => new Writer<T>(this);

    private sealed class Writer<T>(LogLines log) : ILogger<T>
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            log.lines.Enqueue((logLevel, formatter(state, exception)));
    }
}
