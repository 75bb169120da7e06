;;; twinny-lsp-ghost.el --- Suggestions of twinny-lsp as ghost text and in menus  -*- lexical-binding: t; -*-

;; Version: 1.0
;; Package-Requires: ((emacs "30.1"))
;; Keywords: convenience, languages, tools

;;; Commentary:

;; Asks for suggestions while one types, shows them as ghost text, and puts them into the text, whole or by word or
;; line.  Also `completion-at-point' for those who like a menu better.

;;; Code:

(require 'cl-lib)
(require 'twinny-lsp-client)
(require 'twinny-lsp-documents)

(defcustom twinny-lsp-ghost-text t
  "Whether suggestions come by themselves, as ghost text.
If nil they are only there when asked for: `twinny-lsp-complete', or
`completion-at-point'."
  :type 'boolean
  :group 'twinny-lsp)

(defcustom twinny-lsp-delay 0
  "Seconds without a key before the server is asked.
It waits by itself, by how you type, before it asks a model."
  :type 'number
  :group 'twinny-lsp)

(defcustom twinny-lsp-inhibit-functions nil
  "Functions that may keep suggestions from coming by themselves.
Each is called without arguments where one might come, and returns
non-nil if none is to."
  :type 'hook
  :group 'twinny-lsp)

(defface twinny-lsp-ghost '((t :inherit shadow))
  "Suggestions that are not yet in the text."
  :group 'twinny-lsp)

;;; Ghost text

(cl-defstruct (twinny-lsp--candidate (:constructor twinny-lsp--candidate) (:copier nil))
  "A suggestion: TEXT is to stand between the markers BEG and END.
TAIL stood between point and END when it came, ITEM is the server's."
  item text beg end tail)

(defvar-local twinny-lsp--candidates nil "Suggestions for where point is.")
(defvar-local twinny-lsp--chosen 0 "Which of them is shown.")
(defvar-local twinny-lsp--overlay nil "Shows it.")
(defvar-local twinny-lsp--shown nil "Non-nil while one is shown.")
(defvar-local twinny-lsp--seen 0 "The buffer's tick at the last command.")
(defvar-local twinny-lsp--asked nil "Id of the request that is under way.")
(defvar-local twinny-lsp--timer nil "Will ask.")

(defvar-keymap twinny-lsp-ghost-map
  :doc "Keys while a suggestion is shown."
  "TAB" #'twinny-lsp-accept
  "<tab>" #'twinny-lsp-accept
  "M-f" #'twinny-lsp-accept-word
  "M-e" #'twinny-lsp-accept-line
  "M-n" #'twinny-lsp-next
  "M-p" #'twinny-lsp-previous
  "C-g" #'twinny-lsp-dismiss)

;; Before the keys of other modes, but for company's: its menu puts itself in front while it is open.
(add-to-list 'emulation-mode-map-alists `((twinny-lsp--shown . ,twinny-lsp-ghost-map)))

(defun twinny-lsp--rest ()
  "Return what is left of the suggestion at point, nil if it does not fit there."
  (when-let* ((candidate (nth twinny-lsp--chosen twinny-lsp--candidates))
              (beg (twinny-lsp--candidate-beg candidate))
              (end (twinny-lsp--candidate-end candidate))
              ((<= beg (point) end))
              (typed (buffer-substring-no-properties beg (point)))
              (text (twinny-lsp--candidate-text candidate))
              ((string-prefix-p typed text))
              (rest (substring text (length typed)))
              (tail (buffer-substring-no-properties (point) end)))
    ;; Closers that were put in while an opener was typed are in the suggestion, or they stay.
    (and (not (equal rest tail))
         (or (equal tail (twinny-lsp--candidate-tail candidate)) (string-suffix-p tail rest))
         rest)))

(defun twinny-lsp--draw (rest)
  "Show REST of the suggestion at point."
  (let* ((end (twinny-lsp--candidate-end (nth twinny-lsp--chosen twinny-lsp--candidates)))
         (tail (buffer-substring-no-properties (point) end))
         ;; What stands there already is left alone, where the text ends with it in the same line.
         (inserts (and (string-suffix-p tail rest) (not (string-search "\n" rest))))
         (ghost (if inserts (substring rest 0 (- (length rest) (length tail))) rest))
         (shown (propertize ghost 'face 'twinny-lsp-ghost)))
    (unless twinny-lsp--overlay
      (setq twinny-lsp--overlay (make-overlay (point) (point))))
    (when (and inserts (not (eolp)))
      ;; In front of a character the cursor would be drawn behind it, so that character is drawn along.
      (setq end (1+ (point))
            shown (concat shown (buffer-substring (point) end))))
    (move-overlay twinny-lsp--overlay (point) (max (point) end))
    (if (< (point) end)
        (overlay-put twinny-lsp--overlay 'display (substring shown 0 1))
      (overlay-put twinny-lsp--overlay 'display nil)
      ;; The cursor stays before it, also where it begins with a line's end, which has no place for one.
      (when (string-prefix-p "\n" shown)
        (setq shown (concat " " shown)))
      (put-text-property 0 1 'cursor t shown))
    (overlay-put twinny-lsp--overlay 'after-string (if (< (point) end) (substring shown 1) shown))
    (overlay-put twinny-lsp--overlay 'twinny-lsp ghost)
    (overlay-put twinny-lsp--overlay 'window (selected-window))
    (overlay-put twinny-lsp--overlay 'priority 1000)
    (setq twinny-lsp--shown t)))

(defun twinny-lsp--hide ()
  "Forget the suggestions."
  (when twinny-lsp--overlay
    (delete-overlay twinny-lsp--overlay)
    (setq twinny-lsp--overlay nil))
  (dolist (candidate twinny-lsp--candidates)
    (set-marker (twinny-lsp--candidate-beg candidate) nil)
    (set-marker (twinny-lsp--candidate-end candidate) nil))
  (setq twinny-lsp--candidates nil twinny-lsp--shown nil))

(defun twinny-lsp--forget ()
  "Forget the suggestions, and the request for them."
  (twinny-lsp--hide)
  (setq twinny-lsp--asked nil))

(add-hook 'twinny-lsp--closed-hook #'twinny-lsp--forget)

(defun twinny-lsp--left (&rest _)
  "Forget the suggestions when another window is chosen."
  (unless (eq (current-buffer) (window-buffer (selected-window)))
    (twinny-lsp--hide)))

(defun twinny-lsp--welcome-p ()
  "Whether a suggestion may come by itself."
  (not (or buffer-read-only executing-kbd-macro
           (region-active-p)
           (memq (bound-and-true-p evil-state) '(normal visual motion operator))
           (bound-and-true-p multiple-cursors-mode)
           (run-hook-with-args-until-success 'twinny-lsp-inhibit-functions))))

(defun twinny-lsp--after-command ()
  "Keep the suggestion at point in step with the text, or ask for one."
  (let ((rest (twinny-lsp--rest)) (tick (buffer-chars-modified-tick)))
    (if rest
        (twinny-lsp--draw rest)
      (twinny-lsp--hide)
      (when twinny-lsp--timer
        (cancel-timer twinny-lsp--timer))
      (setq twinny-lsp--timer
            (and twinny-lsp-ghost-text twinny-lsp--uri
                 (/= tick twinny-lsp--seen)
                 ;; Who goes back wants to see the old text.
                 (not (and (symbolp this-command)
                           (string-match-p "undo\\|redo" (symbol-name this-command))))
                 (twinny-lsp--welcome-p)
                 (run-with-timer twinny-lsp-delay nil #'twinny-lsp--ask (current-buffer)))))
    (setq twinny-lsp--seen tick)))

(defun twinny-lsp--ask (buffer &optional invoked then)
  "Ask for suggestions at point of BUFFER.
INVOKED: a person wants them.  THEN is called when they have come, also
if there are none."
  (when (eq buffer (window-buffer (selected-window)))
    (with-current-buffer buffer
      (setq twinny-lsp--timer nil)
      (twinny-lsp--cancel twinny-lsp--asked)
      (when-let* ((document (twinny-lsp--document))
                  (tick (buffer-chars-modified-tick))
                  (at (point)))
        (setq twinny-lsp--asked
              (twinny-lsp--request
               :textDocument/inlineCompletion
               (list :textDocument document :position (twinny-lsp--position)
                     :context (list :triggerKind (if invoked 1 2)))
               (lambda (result)
                 (when (and (buffer-live-p buffer) (eq buffer (window-buffer (selected-window))))
                   (with-current-buffer buffer
                     (setq twinny-lsp--asked nil)
                     (when (and (eql tick (buffer-chars-modified-tick)) (= at (point)))
                       (twinny-lsp--offer (if (vectorp result) result (plist-get result :items)))
                       (when then (funcall then))))))
               #'ignore))))))

(defun twinny-lsp--offer (items)
  "Show the first of ITEMS at point."
  (twinny-lsp--hide)
  (setq twinny-lsp--chosen 0
        twinny-lsp--candidates
        (mapcar (lambda (item)
                  (let* ((range (plist-get item :range))
                         (beg (if range (twinny-lsp--point (plist-get range :start)) (point)))
                         (end (if range (twinny-lsp--point (plist-get range :end)) (point))))
                    (twinny-lsp--candidate
                     :item item :text (plist-get item :insertText)
                     :beg (copy-marker beg) :end (copy-marker end t)
                     :tail (buffer-substring-no-properties (point) (max (point) end)))))
                items))
  (let ((rest (twinny-lsp--rest)))
    (if (not rest)
        (twinny-lsp--hide)
      (twinny-lsp--draw rest)
      (twinny-lsp--notify :textDocument/didShowCompletion (list :item (aref items 0))))))

(defun twinny-lsp-complete ()
  "Ask for a suggestion at point, as ghost text."
  (interactive)
  (twinny-lsp--ask (current-buffer) t
                   (lambda () (unless twinny-lsp--shown (twinny-lsp--say "No suggestion: M-x twinny-lsp-why")))))

(defun twinny-lsp--take (regexp)
  "Put the beginning of the suggestion that matches REGEXP into the text, else all."
  (when-let* ((rest (twinny-lsp--rest))
              (candidate (nth twinny-lsp--chosen twinny-lsp--candidates))
              (end (twinny-lsp--candidate-end candidate)))
    (let ((length (if (string-match regexp rest) (match-end 0) (length rest)))
          (tail (buffer-substring-no-properties (point) end)))
      (cond ((< length (- (length rest) (length tail)))
             (insert (substring rest 0 length))
             (twinny-lsp--notify :textDocument/didPartiallyAcceptCompletion
                                 (list :item (twinny-lsp--candidate-item candidate)
                                       :acceptedLength (- (point) (twinny-lsp--candidate-beg candidate)))))
            (t (delete-region (point) end)
               (insert rest)
               (twinny-lsp--hide))))))

(defun twinny-lsp-accept ()
  "Put the suggestion into the text."
  (interactive)
  (twinny-lsp--take "\\`\\(?:.\\|\n\\)*"))

(defun twinny-lsp-accept-word ()
  "Put the next word of the suggestion into the text."
  (interactive)
  (twinny-lsp--take "\\`[ \t\n]*\\(?:[[:alnum:]_]+\\|[^[:alnum:]_ \t\n]+\\)"))

(defun twinny-lsp-accept-line ()
  "Put the rest of the suggestion's line into the text, or its next line."
  (interactive)
  (twinny-lsp--take "\\`\n*[^\n]+"))

(defun twinny-lsp-next (&optional step)
  "Show another suggestion, STEP further; ask for more if there is one only."
  (interactive)
  (if (cdr twinny-lsp--candidates)
      (twinny-lsp--choose (or step 1))
    (let ((shown (twinny-lsp--rest)))
      (twinny-lsp--ask (current-buffer) t
                       (lambda ()
                         ;; What was shown need not be the first one now.
                         (when (equal shown (twinny-lsp--rest))
                           (twinny-lsp--choose (or step 1))))))))

(defun twinny-lsp-previous ()
  "Show the suggestion before this one."
  (interactive)
  (twinny-lsp-next -1))

(defun twinny-lsp--choose (step)
  "Show the suggestion STEP further on that fits what was typed."
  (let ((count (length twinny-lsp--candidates)) (rest nil))
    (cl-loop repeat count until rest do
             (setq twinny-lsp--chosen (mod (+ twinny-lsp--chosen step) count)
                   rest (twinny-lsp--rest)))
    (if (not rest)
        (twinny-lsp--say "No suggestion")
      (twinny-lsp--draw rest)
      (twinny-lsp--say "Suggestion %d of %d" (1+ twinny-lsp--chosen) count))))

(defun twinny-lsp-dismiss ()
  "Drop the suggestion."
  (interactive)
  (twinny-lsp--hide))

;;; The menu

(defun twinny-lsp--table (labels)
  "Return a completion table of LABELS.
A mention need not begin with what was typed: the server has chosen."
  (lambda (string predicate action)
    (cond ((not (and (memq action '(nil t)) (string-prefix-p "@" string) (not (all-completions string labels))))
           (complete-with-action action labels string predicate))
          (action labels)
          (t (if (cdr labels) string (car labels))))))

(defun twinny-lsp-completion-at-point ()
  "Suggestions as a completion at point; in a chat document, what can be mentioned.
Any key ends the wait for the model."
  (when-let* ((document (twinny-lsp--document))
              (result (twinny-lsp--wait :textDocument/completion
                                        (list :textDocument document :position (twinny-lsp--position)
                                              :context '(:triggerKind 1)))))
    (twinny-lsp--menu (append (if (vectorp result) result (plist-get result :items)) nil))))

(defun twinny-lsp--menu (items)
  "Return ITEMS as `completion-at-point-functions' do."
  (when-let* ((range (twinny-lsp--get (car items) :textEdit :range))
              (beg (twinny-lsp--point (plist-get range :start))))
    (let ((beyond (- (twinny-lsp--point (plist-get range :end)) (point)))
          (known (mapcar (lambda (item) (cons (plist-get item :label) item)) items)))
      (list beg (point) (twinny-lsp--table (mapcar #'car known))
            :exclusive 'no
            :annotation-function (lambda (label)
                                   (when-let* ((detail (plist-get (cdr (assoc label known)) :detail)))
                                     (concat " " detail)))
            :exit-function
            (lambda (label status)
              (when-let* ((item (and (not (eq status 'unknown)) (cdr (assoc label known)))))
                (delete-region beg (+ (point) beyond))
                (insert (twinny-lsp--get item :textEdit :newText))))))))

(provide 'twinny-lsp-ghost)
;;; twinny-lsp-ghost.el ends here
