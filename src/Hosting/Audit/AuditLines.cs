namespace AuthIndex.Hosting.Audit;

/// <summary>Reads a stream line by line in bounded memory: of a line beyond the bound nothing is kept.</summary>
public sealed class AuditLines(Stream stream)
{
    /// <summary>The longest line read, in bytes; far more than a request with all its scopes, groups and rules makes.</summary>
    public const int MaxLength = 1024 * 1024;

    private byte[] buffer = new byte[64 * 1024];
    private int start;
    private int end;
    private bool isSkipping;

    /// <summary>Reads the next line; false at the end.</summary>
    /// <param name="line">The line without its end, good until the next call; null when it is too long.</param>
    public bool TryRead(out ReadOnlyMemory<byte>? line)
    {
        for (var scanned = start; ;)
        {
            var length = buffer.AsSpan(scanned, end - scanned).IndexOf((byte)'\n');
            if (length >= 0)
            {
                line = Take(scanned + length);
                start = scanned + length + 1;
                return true;
            }

            scanned = end - start;
            MakeRoom();
            if (isSkipping) scanned = 0;
            var read = stream.Read(buffer, end, buffer.Length - end);
            if (read == 0)
            {
                var isLine = isSkipping || end > start;
                line = Take(end);
                start = end;
                return isLine;
            }

            end += read;
        }
    }

    private ReadOnlyMemory<byte>? Take(int lineEnd)
    {
        var isTooLong = isSkipping || lineEnd - start > MaxLength;
        isSkipping = false;
        if (isTooLong) return null;
        return buffer.AsMemory(start, lineEnd - start);
    }

    // Moves what has been read of the line to the beginning; a line that fills the largest buffer is dropped.
    private void MakeRoom()
    {
        buffer.AsSpan(start, end - start).CopyTo(buffer);
        (start, end) = (0, end - start);
        if (end > MaxLength || isSkipping) (isSkipping, end) = (true, 0);
        else if (end == buffer.Length) Array.Resize(ref buffer, buffer.Length * 2);
    }
}
