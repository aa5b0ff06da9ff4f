using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;

namespace AuthIndex.Hosting.Telemetry;

/// <summary>
/// Log lines for people: time, level, where from, the request they belong to in brackets, and what there is to say, all on one line.
/// </summary>
/// <param name="time">The clock.</param>
internal sealed class ConsoleLogLine(TimeProvider time) : ConsoleFormatter(FormName)
{
    /// <summary>Its name among the forms.</summary>
    public const string FormName = "authindex-console";

    /// <inheritdoc/>
    public override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
    {
        textWriter.Write(time.GetUtcNow().ToString("yyyy-MM-ddTHH:mm:ss.fffZ ", CultureInfo.InvariantCulture));
        textWriter.Write(Word(logEntry.LogLevel));
        textWriter.Write(": ");
        textWriter.Write(logEntry.Category);
        if (RequestRecord.Current is { } request)
        {
            textWriter.Write(" [");
            textWriter.Write(request.Id);
            textWriter.Write(']');
        }

        textWriter.Write(' ');
        WriteOnOneLine(textWriter, logEntry.Formatter(logEntry.State, logEntry.Exception));
        if (logEntry.Exception is not null)
        {
            textWriter.Write(' ');
            WriteOnOneLine(textWriter, logEntry.Exception.ToString());
        }

        textWriter.Write('\n');
    }

    private static void WriteOnOneLine(TextWriter writer, string text) => writer.Write(text.ReplaceLineEndings(" "));

    private static string Word(LogLevel level) => level switch
    {
        LogLevel.Trace => "trce",
        LogLevel.Debug => "dbug",
        LogLevel.Information => "info",
        LogLevel.Warning => "warn",
        LogLevel.Error => "fail",
        _ => "crit",
    };
}

/// <summary>Log lines for programs: one JSON object each.</summary>
/// <param name="time">The clock.</param>
internal sealed class JsonLogLine(TimeProvider time) : ConsoleFormatter(FormName)
{
    /// <summary>Its name among the forms.</summary>
    public const string FormName = "authindex-json";

    // never HTML; people search in it too
    private static readonly JsonWriterOptions Form = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <inheritdoc/>
    public override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
    {
        var line = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(line, Form))
        {
            json.WriteStartObject();
            json.WriteString("Timestamp"u8, time.GetUtcNow().ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture));
            json.WriteString("LogLevel"u8, logEntry.LogLevel.ToString());
            json.WriteString("Category"u8, logEntry.Category);
            json.WriteNumber("EventId"u8, logEntry.EventId.Id);
            if (logEntry.EventId.Name is { } name) json.WriteString("EventName"u8, name);
            if (RequestRecord.Current is { } request) json.WriteString("RequestId"u8, request.Id);
            if (Activity.Current is { IdFormat: ActivityIdFormat.W3C } activity)
            {
                json.WriteString("TraceId"u8, activity.TraceId.ToHexString());
            }

            json.WriteString("Message"u8, logEntry.Formatter(logEntry.State, logEntry.Exception));
            if (logEntry.Exception is not null) json.WriteString("Exception"u8, logEntry.Exception.ToString());
            if (logEntry.State is IReadOnlyList<KeyValuePair<string, object?>> state) WriteState(json, state);
            json.WriteEndObject();
        }

        textWriter.Write(Encoding.UTF8.GetString(line.WrittenSpan));
        textWriter.Write('\n');
    }

    private static void WriteState(Utf8JsonWriter json, IReadOnlyList<KeyValuePair<string, object?>> state)
    {
        json.WriteStartObject("State"u8);
        foreach (var (name, value) in state)
        {
            switch (value)
            {
                case null: json.WriteNull(name); break;
                case int number: json.WriteNumber(name, number); break;
                case long number: json.WriteNumber(name, number); break;
                case double number when double.IsFinite(number): json.WriteNumber(name, number); break;
                case bool truth: json.WriteBoolean(name, truth); break;
                default: json.WriteString(name, Convert.ToString(value, CultureInfo.InvariantCulture)); break;
            }
        }

        json.WriteEndObject();
    }
}
