using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace AuthIndex.Hosting.Tests.Web;

/// <summary>Keeps the lines that a server logs.</summary>
internal sealed partial class RecordingLog : ILoggerProvider, ILogger
{
    private readonly ConcurrentQueue<string> lines = [];

    public IEnumerable<string> Lines => lines;

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        lines.Enqueue(formatter(state, exception));

    public void Dispose()
    {
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "the log is alive")]
    public static partial void Alive(ILogger logger);
}
